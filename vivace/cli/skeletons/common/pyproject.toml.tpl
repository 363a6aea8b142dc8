[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "<< project >>"
version = "0.1.0"
description = "<< title >>"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["vivace<% if template == 'site' %>[mail]<% endif %>>=<< version >>"]

[project.optional-dependencies]
dev = ["mypy>=1.11", "pyright>=1.1.400", "pytest>=8.2", "ruff>=0.9"]
postgres = ["vivace[postgres]"]

[tool.hatch.build.targets.wheel]
packages = ["<< package >>"]

[tool.ruff]
line-length = 110
target-version = "py311"

[tool.ruff.lint]
select = ["ASYNC", "B", "C4", "E", "F", "I", "N", "PIE", "PT", "RET", "RUF", "S", "SIM", "UP", "W"]
ignore = ["RUF012"] # models and views are configured by plain lists in their classes

[tool.ruff.lint.per-file-ignores]
"tests/**" = ["S"]

[tool.mypy]
strict = true
files = ["<< package >>", "tests"]

[tool.pyright]
include = ["<< package >>", "tests"]
typeCheckingMode = "strict"

[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["."]
addopts = "-ra --strict-markers"
filterwarnings = ["error"]
