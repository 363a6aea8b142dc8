# The environment in production; `vivace dev` needs none of it. `vivace check --deploy` says what is missing.
# All settings: `vivace config print`.

# python -c 'import secrets; print(secrets.token_urlsafe(48))'
SECRET_KEY=
VIVACE_HOSTS=<< host >>.example.com

# One machine needs no database server. Several do: postgresql://user:password@host/<< project >> (and '.[postgres]').
DATABASE_URL=sqlite:////var/lib/<< project >>/<< project >>.sqlite3
<% if template == "site" %>
VIVACE_MEDIA_ROOT=/var/lib/<< project >>/media

# Links to new accounts and passwords go this way.
VIVACE_MAIL_URL=smtp://user:password@smtp.example.com:587
VIVACE_MAIL_SENDER=<< title >> <no-reply@<< host >>.example.com>
<% endif %>

# Behind a proxy that speaks https: its address, so that the visitor's is known.
VIVACE_TRUSTED_PROXIES=127.0.0.1
VIVACE_SECURE_HTTPS_REDIRECT=true
VIVACE_SECURE_HSTS_SECONDS=31536000
