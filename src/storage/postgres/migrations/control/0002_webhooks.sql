-- Where merchants hear of their payments, where their shoppers may be sent, and the answers of the requests that change either.

-- Origins as browsers write them: https://shop.example, https://shop.example:8443.
ALTER TABLE merchants ADD COLUMN redirect_origins text[] NOT NULL DEFAULT '{}'
  CONSTRAINT merchants_redirect_origins_max CHECK (cardinality(redirect_origins) <= 64);

-- Every endpoint has a secret of its own.
ALTER TABLE merchants DROP COLUMN webhook_secret_sealed;

CREATE TABLE webhook_endpoints (
  endpoint_id            uuid          PRIMARY KEY,
  merchant_id            varchar(100)  NOT NULL REFERENCES merchants,
  url                    varchar(2048) NOT NULL,
  -- Null: every type.
  event_types            text[],
  -- Sealed by the config token, both.
  secret_sealed          bytea         NOT NULL,
  previous_secret_sealed bytea,
  previous_secret_until  timestamptz,
  disabled_at            timestamptz,
  disabled_reason        varchar(20) CHECK (disabled_reason IN ('merchant', 'gone')),
  -- The compare of compare-and-set: one more with each change.
  revision               integer       NOT NULL DEFAULT 1,
  created_at             timestamptz   NOT NULL,
  CHECK ((previous_secret_sealed IS NULL) = (previous_secret_until IS NULL)),
  CHECK ((disabled_at IS NULL) = (disabled_reason IS NULL))
);

CREATE INDEX webhook_endpoints_merchant ON webhook_endpoints (merchant_id);

CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON webhook_endpoints FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();

-- Idempotency keys of the requests about endpoints. Those of payments are in the shard of the payment.
CREATE TABLE api_idempotency_keys (
  merchant_id   varchar(100) NOT NULL REFERENCES merchants,
  -- Method and path.
  endpoint      varchar(200) NOT NULL,
  key           varchar(255) NOT NULL,
  -- SHA-256.
  body_hash     bytea        NOT NULL CHECK (length(body_hash) = 32),
  -- Sealed by the config token: an answer may hold a secret.
  answer_sealed bytea        NOT NULL,
  created_at    timestamptz  NOT NULL,
  PRIMARY KEY (merchant_id, endpoint, key)
);

-- For the sweeper. Rows come in about this order, so it is an append.
CREATE INDEX api_idempotency_keys_created_at ON api_idempotency_keys (created_at);
