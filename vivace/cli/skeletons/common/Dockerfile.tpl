# docker build -t << project >> .
# docker run --rm --env-file .env -v << project >>:/var/lib/<< project >> << project >> vivace migrate --app << package >>.app
# docker run --env-file .env -v << project >>:/var/lib/<< project >> -p 8000:8000 --stop-timeout 30 << project >>
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /venv
COPY pyproject.toml README.md ./
COPY << package >> ./<< package >>
# a database server: pip install '.[postgres]'
RUN /venv/bin/pip install --no-cache-dir .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/<< project >> --shell /usr/sbin/nologin << user >>
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER << user >>
WORKDIR /var/lib/<< project >>
VOLUME /var/lib/<< project >>
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8001/ready', timeout=2)"]
CMD ["vivace", "run", "<< package >>.app", "--host", "0.0.0.0", "--port", "8000", "--health", "127.0.0.1:8001", "--workers", "2"]
