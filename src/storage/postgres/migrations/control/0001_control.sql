-- Merchants, their keys and preferences, and where the logical shards are. Small, read through caches.

CREATE TABLE merchants (
  merchant_id           varchar(100) PRIMARY KEY,
  name                  varchar(200) NOT NULL,
  mode                  varchar(4)   NOT NULL CHECK (mode IN ('test', 'live')),
  -- Logical shards a merchant spreads over.
  spread                integer      NOT NULL DEFAULT 1 CHECK (spread BETWEEN 1 AND 1024),
  webhook_secret_sealed bytea        NOT NULL,
  created_at            timestamptz  NOT NULL
);

-- Only digests: a dump of this table opens nothing.
CREATE TABLE api_keys (
  digest      bytea        PRIMARY KEY CHECK (length(digest) = 32),
  merchant_id varchar(100) NOT NULL REFERENCES merchants,
  prefix      varchar(10)  NOT NULL,
  created_at  timestamptz  NOT NULL,
  revoked_at  timestamptz
);

CREATE TABLE merchant_preferences (
  merchant_id             varchar(100)  PRIMARY KEY REFERENCES merchants,
  preferred_processor     varchar(50)   NOT NULL,
  fallback_processor      varchar(50),
  transaction_fee_percent numeric(5, 2) NOT NULL,
  processor_account       varchar(100)  NOT NULL,
  -- Sealed by the config token.
  config                  bytea         NOT NULL
);

CREATE INDEX merchant_preferences_account ON merchant_preferences (preferred_processor, processor_account);

CREATE TABLE shard_map (
  low      integer PRIMARY KEY CHECK (low BETWEEN 0 AND 1023),
  high     integer NOT NULL CHECK (high BETWEEN low AND 1023),
  database integer NOT NULL CHECK (database >= 0)
);

-- Every change is told to the caches: the merchant's id, or nothing for the shard map.
CREATE FUNCTION sluice_tell_merchant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('sluice_control', coalesce(NEW.merchant_id, OLD.merchant_id));
  RETURN NULL;
END $$;

CREATE FUNCTION sluice_tell_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('sluice_control', '');
  RETURN NULL;
END $$;

CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON merchants FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON merchant_preferences FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON shard_map FOR EACH STATEMENT EXECUTE FUNCTION sluice_tell_all();

-- Checkout sessions where there is no Redis. Unlogged: losing them costs a retry, never money. The session is JSON kept
-- as text: jsonb refuses some strings, and one such session would fail all that are written with it.
CREATE UNLOGGED TABLE checkout_sessions (
  session_id  varchar(40) PRIMARY KEY,
  session     text        NOT NULL,
  expires_at  timestamptz NOT NULL,
  grace_until timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.05);

-- For the sweeper. Rows come in about this order, so it is an append.
CREATE INDEX checkout_sessions_grace_until ON checkout_sessions (grace_until);
