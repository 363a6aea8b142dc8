name: ci

on:
  push:
    branches: [main]
  pull_request:

permissions:
  contents: read

jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 15
    strategy:
      matrix:
        python: ["3.11", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{ matrix.python }}
          cache: pip
          cache-dependency-path: pyproject.toml
      - run: pip install -e '.[dev]'
      - run: ruff check
      - run: ruff format --check
      - run: mypy
      - run: pyright
      - run: vivace check
      - run: vivace makemigrations --check
      - run: pytest
      - name: vivace check --deploy, with the environment of .env.example
        run: |
          umask 077
          cp .env.example .env
          export SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(48))')
          vivace check --deploy --fail-level warning
