#!/bin/sh
# Makes what compose.yaml's services log in with, each in the volume of whoever may read it: passwords where there are none, then the
# settings with them. Run again it changes nothing; where a password was removed it makes another, and `databases` takes it over.
#
#   owner      passwords, for the one-shot services only
#   superuser  that of the three PostgreSQL servers, for them and the one-shot services
#   gateway    settings with the control and shard databases
#   checkout   the same and the vault
set -eu
umask 077
etc=${1:-/etc/sluice}

password() {
  if [ ! -s "$1" ]; then
    head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' > "$1.new"
    mv "$1.new" "$1"
  fi
}

for role in owner control vault shard; do password "$etc/owner/$role"; done
password "$etc/superuser/password"
# PostgreSQL's containers run as another user; nobody else mounts this volume.
chmod 0444 "$etc/superuser/password"

control="postgres://sluice_control:$(cat "$etc/owner/control")@postgres-1/control"
vault="postgres://sluice_vault:$(cat "$etc/owner/vault")@postgres-vault/vault"
shard=$(cat "$etc/owner/shard")
shards="postgres://sluice_shard:$shard@postgres-1/shard_1,postgres://sluice_shard:$shard@postgres-2/shard_2"

settings() {
  printf 'SLUICE_CONTROL_DATABASE_URL=%s\nSLUICE_SHARD_DATABASE_URLS=%s\n' "$control" "$shards"
}

settings > "$etc/gateway/settings.env.new"
{ settings; printf 'SLUICE_VAULT_DATABASE_URL=%s\n' "$vault"; } > "$etc/checkout/settings.env.new"
for zone in gateway checkout; do mv "$etc/$zone/settings.env.new" "$etc/$zone/settings.env"; done
