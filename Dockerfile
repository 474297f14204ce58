# syntax=docker/dockerfile:1
FROM python:3.12-slim AS build
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements-runtime.lock ./
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements-runtime.lock
RUN find /opt/venv -name __pycache__ -prune -exec rm -rf {} + \
    && rm -rf /opt/venv/lib/python3.12/site-packages/pip /opt/venv/bin/pip*

FROM python:3.12-slim
# What LightGBM runs its threads with.
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin venmo \
    && install -d -o 10001 -g 10001 /keys
COPY --from=build /opt/venv /opt/venv
COPY src/venmo_api /opt/app/src/venmo_api
COPY migrations /opt/app/migrations
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/app/src PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Whoever forgets to say where they are shows nobody's codes: elsewhere than in production there is a sandbox.
ENV VENMO_ENVIRONMENT=production
WORKDIR /opt/app
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "venmo_api"]
CMD ["serve", "--host", "0.0.0.0"]
