# One image for every role. It runs the gateway on databases, Redis and an HSM named by SLUICE_ settings; the embedded
# profile is for checkouts. It listens on all addresses of the container, so say how TLS is ended or it refuses to start: mount
# certificates and set SLUICE_TLS_CERT_FILE and SLUICE_TLS_KEY_FILE, or end TLS in front, let nobody else reach these ports, and
# set SLUICE_TLS=terminated.
FROM node:22-slim AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /sluice
COPY package.json package-lock.json .npmrc ./
# npm ci refuses a lock file without the packages of every other platform, and some registries lack those; npm install
# takes the same locked versions and hashes.
RUN npm ci --omit=dev || npm install --no-save --omit=dev

FROM node:22-slim
RUN apt-get update && apt-get install -y --no-install-recommends softhsm2 && rm -rf /var/lib/apt/lists/*
WORKDIR /sluice
COPY --from=packages /sluice/node_modules node_modules
COPY package.json ./
COPY src src
ENV SLUICE_HOST=0.0.0.0 SLUICE_DATA_DIR=/var/lib/sluice
RUN install -d -o node -g node -m 0700 /var/lib/sluice
USER node
EXPOSE 8080 8081 9464
# The ops listener speaks TLS with the certificate mounted for the others' names: on loopback that name is not asked for.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "require(process.env.SLUICE_TLS_CERT_FILE ? 'https' : 'http').get({ host: '127.0.0.1', port: process.env.SLUICE_OPS_PORT || 9464, path: '/readyz', rejectUnauthorized: false }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# The container's runtime is the parent here: it restarts the gateway and reads its output. Node leaves orphans to an init: run with --init.
CMD ["node", "src/main.ts"]
