-- Outcomes: where an attempt was routed and why, what the shopper must do, how it was paid, and what operators did.

-- An attempt by UPI has no card.
ALTER TABLE transactions
  ALTER COLUMN token DROP NOT NULL,
  ALTER COLUMN card_brand DROP NOT NULL,
  ALTER COLUMN card_masked DROP NOT NULL,
  ALTER COLUMN card_expiry_month DROP NOT NULL,
  ALTER COLUMN card_expiry_year DROP NOT NULL,
  ALTER COLUMN card_fingerprint DROP NOT NULL,
  ADD COLUMN payment_method_type varchar(50),
  -- Every leg with its reason, and the fallback there was; null in rows of older versions, which had one leg.
  ADD COLUMN routing jsonb,
  ADD COLUMN next_action jsonb;

-- Each incident once, with what an operator did about it.
DELETE FROM incidents i USING incidents earlier
WHERE earlier.transaction_id = i.transaction_id AND earlier.kind = i.kind AND earlier.id < i.id;
ALTER TABLE incidents
  ADD COLUMN detail text NOT NULL DEFAULT '',
  ADD COLUMN acknowledged_at timestamptz,
  ADD UNIQUE (transaction_id, kind);

-- Only the few that were not believed are indexed: an operator looks at them.
CREATE INDEX processor_callbacks_quarantined ON processor_callbacks (received_at) WHERE verdict = 'quarantined';

-- What operators changed by hand, and why. Append-only.
CREATE TABLE operator_audit (
  id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction_id uuid         NOT NULL,
  operator       varchar(100) NOT NULL,
  action         varchar(40)  NOT NULL,
  reason         text         NOT NULL,
  at             timestamptz  NOT NULL
);

CREATE INDEX operator_audit_transaction ON operator_audit (transaction_id);
