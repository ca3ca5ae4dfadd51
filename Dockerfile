# Written from siotool/deployment/Dockerfile.jinja: pytest --update-golden writes it anew.
# docker build --tag siotool .
ARG BASE=python:3.13-slim-bookworm
FROM ${BASE} AS build
WORKDIR /source
RUN python3 -m venv /opt/siotool
COPY requirements.lock ./
RUN /opt/siotool/bin/pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --only-binary :all: --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY scenarios scenarios
COPY siotool siotool
RUN /opt/siotool/bin/pip install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation . && /opt/siotool/bin/pip --disable-pip-version-check check

FROM ${BASE}
RUN groupadd --gid 10001 siotool \
    && useradd --uid 10001 --gid 10001 --home-dir /reports --no-create-home siotool \
    && mkdir -p /reports /load /run/siotool \
    && chown 10001:10001 /reports /run/siotool
COPY --from=build /opt/siotool /opt/siotool
ENV PATH=/opt/siotool/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
# runs are kept in reports/ of the working directory
WORKDIR /
VOLUME /reports
EXPOSE 5557
ENTRYPOINT ["siotool"]
CMD ["--help"]
