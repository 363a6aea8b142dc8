# << title >>

```console
$ pip install -e '.[dev]' && vivace migrate && vivace dev
$ ruff check && ruff format --check && mypy && pyright && vivace check && pytest
```
