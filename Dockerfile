# Trunkline in a container: docker build -t trunkline . && docker run --network host -v trunkline:/data trunkline
FROM python:3.12-slim-bookworm
WORKDIR /opt/trunkline
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY LICENSE README.md pyproject.toml ./
COPY gateway gateway
COPY media media
COPY sip sip
COPY routing routing
COPY control_api control_api
COPY store store
COPY local_engine local_engine
RUN useradd --system --home-dir /data trunkline && mkdir -p /data && chown trunkline /data
USER trunkline
VOLUME /data
ENV TRUNKLINE_DATA_DIR=/data PYTHONUNBUFFERED=1
EXPOSE 5060/udp 5060/tcp 8080/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "gateway"]
CMD ["serve"]
