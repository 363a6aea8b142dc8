*
!pyproject.toml
!README.md
!<< package >>/
**/__pycache__
**/.vivace
