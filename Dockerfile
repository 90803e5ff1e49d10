# One image for every role. It runs the gateway on databases, Redis and an HSM named by SLUICE_ settings; the embedded
# profile is for checkouts. TLS: mount certificates and set SLUICE_TLS_CERT_FILE and SLUICE_TLS_KEY_FILE, or end it in front
# (the default here) and let nobody else reach these ports.
FROM node:22-slim AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /sluice
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:22-slim
RUN apt-get update && apt-get install -y --no-install-recommends softhsm2 && rm -rf /var/lib/apt/lists/*
WORKDIR /sluice
COPY --from=packages /sluice/node_modules node_modules
COPY package.json ./
COPY src src
ENV SLUICE_HOST=0.0.0.0 SLUICE_TLS=terminated SLUICE_DATA_DIR=/var/lib/sluice
RUN install -d -o node -g node -m 0700 /var/lib/sluice
USER node
EXPOSE 8080 8081 9464
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.SLUICE_OPS_PORT || 9464}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The container's runtime is the parent here: it restarts the gateway and reads its output. Node leaves orphans to an init: run with --init.
CMD ["node", "src/main.ts"]
