# A small image of the service alone: docker build --tag parley . && docker run --publish 8000:8000 --volume parley:/data parley
# It runs as nobody in particular, keeps what it keeps in /data, and with REDIS_URL keeps nothing.
FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /
# pip stays behind; hashes say what is installed, and nothing of it is built here.
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --require-hashes --only-binary :all: \
        --requirement /requirements.txt

FROM python:3.11-slim-bookworm
COPY --from=packages /venv /venv
COPY service /app/service
COPY static /app/static
RUN /venv/bin/python -m compileall -q /app && install --directory --owner 10001 --group 10001 --mode 0700 /data
USER 10001:10001
WORKDIR /data
VOLUME /data
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 HOST="" PORT=8000 SQLITE_PATH=/data/parley.db
EXPOSE 8000
# Whether its loop runs; whether it stores is /readyz, and no reason for a restart.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as http; http.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
# No shell before it: SIGTERM is the service's own. Give it 30 s: docker stop --time 30.
STOPSIGNAL SIGTERM
CMD ["python", "-m", "service"]
