# One small image for web, worker, gateway and simulator; docker-compose.yml says which it is.

FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# Fonts, icons and scripts of the pages, and the translations; the tools that fetch them stay behind in this stage.
RUN make .venv/.demo app/web/static/vendor/.collected build/.translations \
    && .venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /wheels .
RUN python -m venv /opt/caibox \
    && /opt/caibox/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && /opt/caibox/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl \
    && /opt/caibox/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin caibox \
    && install --directory --owner=caibox --group=caibox --mode=0700 /var/lib/caibox
COPY --from=build /opt/caibox /opt/caibox
ENV PATH=/opt/caibox/bin:$PATH PYTHONUNBUFFERED=1
USER caibox
WORKDIR /var/lib/caibox
CMD ["caibox", "--help"]
