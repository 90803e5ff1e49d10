-- Payments of the logical shards this database owns.
--
-- Ids are UUIDv7 whose first 48 bits are milliseconds: a day of ids is a range, and every payment table is partitioned
-- by it. Uniqueness lives in primary keys only. No index on status: it would end HOT updates.

-- The logical shards (low..high) that writes to this database may carry. Every write locks its row FOR SHARE, so a
-- gateway with a stale map changes nothing, and moving a range waits for the writes under way.
CREATE TABLE owned_ranges (
  low   integer PRIMARY KEY CHECK (low BETWEEN 0 AND 1023),
  high  integer NOT NULL CHECK (high BETWEEN low AND 1023),
  epoch integer NOT NULL DEFAULT 1
);

CREATE TABLE payment_intents (
  payment_intent_id   uuid         NOT NULL,
  merchant_id         varchar(100) NOT NULL,
  customer_id         varchar(100),
  order_id            varchar(100) NOT NULL,
  amount              bigint       NOT NULL CHECK (amount > 0),
  currency            varchar(3)   NOT NULL,
  payment_method_type varchar(50),
  status              varchar(20)  NOT NULL CHECK (status IN ('PENDING', 'SUCCESS', 'FAILED')),
  metadata            jsonb,
  created_at          timestamptz  NOT NULL,
  updated_at          timestamptz  NOT NULL,
  PRIMARY KEY (payment_intent_id)
) PARTITION BY RANGE (payment_intent_id);

CREATE TABLE transactions (
  transaction_id     uuid         NOT NULL,
  payment_intent_id  uuid         NOT NULL,
  attempt            smallint     NOT NULL CHECK (attempt BETWEEN 1 AND 15),
  merchant_id        varchar(100) NOT NULL,
  customer_id        varchar(100),
  amount             bigint       NOT NULL CHECK (amount > 0),
  currency           varchar(3)   NOT NULL,
  status             varchar(20)  NOT NULL CHECK (status IN ('SENT', 'PROCESSING', 'REQUIRES_ACTION', 'SUCCESS', 'FAILED')),
  outcome            varchar(20)  NOT NULL CHECK (outcome IN ('not_sent', 'unknown', 'action_required', 'declined', 'charged')),
  leg                smallint     NOT NULL,
  processor          varchar(50)  NOT NULL,
  processor_account  varchar(100) NOT NULL,
  processor_txn_id   varchar(100),
  token              varchar(500) NOT NULL,
  failure_code       varchar(100),
  reopenable         boolean      NOT NULL,
  revision           integer      NOT NULL,
  sender_nonce       varchar(32)  NOT NULL,
  send_before        timestamptz  NOT NULL,
  card_brand         varchar(20)  NOT NULL,
  card_masked        varchar(19)  NOT NULL,
  card_expiry_month  smallint     NOT NULL,
  card_expiry_year   smallint     NOT NULL,
  card_fingerprint   varchar(64)  NOT NULL,
  success_url        text,
  cancel_url         text,
  session_expires_at timestamptz,
  evidence           jsonb        NOT NULL,
  created_at         timestamptz  NOT NULL,
  updated_at         timestamptz  NOT NULL,
  completed_at       timestamptz,
  PRIMARY KEY (transaction_id)
) PARTITION BY RANGE (transaction_id);

-- day is the UTC day of this database's clock at the claim.
CREATE TABLE idempotency_keys (
  day         date         NOT NULL,
  merchant_id varchar(100) NOT NULL,
  endpoint    varchar(60)  NOT NULL,
  key         varchar(255) NOT NULL,
  body_hash   bytea        NOT NULL,
  effect_id   uuid         NOT NULL,
  answer      text         NOT NULL,
  created_at  timestamptz  NOT NULL,
  PRIMARY KEY (day, merchant_id, endpoint, key)
) PARTITION BY RANGE (day);

-- What merchants are to hear. Append-only but for the delivered mark.
CREATE TABLE outbox (
  event_id          uuid         NOT NULL,
  merchant_id       varchar(100) NOT NULL,
  payment_intent_id uuid         NOT NULL,
  transaction_id    uuid,
  type              varchar(40)  NOT NULL,
  status            varchar(20)  NOT NULL,
  sequence          integer      NOT NULL,
  created_at        timestamptz  NOT NULL,
  delivered_at      timestamptz,
  PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);

-- What processors said: record and dedupe in one.
CREATE TABLE processor_callbacks (
  day            date         NOT NULL,
  processor      varchar(50)  NOT NULL,
  event_id       varchar(200) NOT NULL,
  transaction_id uuid,
  verdict        varchar(20)  NOT NULL CHECK (verdict IN ('applied', 'duplicate', 'ignored', 'quarantined', 'unmatched')),
  reason         text,
  word           jsonb,
  received_at    timestamptz  NOT NULL,
  PRIMARY KEY (day, processor, event_id)
) PARTITION BY RANGE (day);

-- Only the few that wait for their transaction are indexed.
CREATE INDEX processor_callbacks_unmatched ON processor_callbacks (received_at) WHERE verdict = 'unmatched';

-- What must never happen and did: a second success for one intent.
CREATE TABLE incidents (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  transaction_id    uuid        NOT NULL,
  payment_intent_id uuid        NOT NULL,
  kind              varchar(40) NOT NULL,
  at                timestamptz NOT NULL DEFAULT now()
);

-- How far each of recovery's walks has come.
CREATE TABLE recovery_progress (
  name       varchar(40) PRIMARY KEY,
  up_to      uuid        NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- A key would be claimed without its attempt: the whole statement is undone (SQLSTATE SL001).
CREATE FUNCTION sluice_halfway() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'halfway' USING ERRCODE = 'SL001';
END $$;

-- The first id of a moment: 48 bits of milliseconds, the rest zero.
CREATE FUNCTION sluice_first_id(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$$;

-- Makes the partitions of each UTC day from `first_day` to `last_day` that are missing. A partition is created apart and
-- attached, so that writers wait for no more than the attach. Owned by the migrator, callable by the service.
CREATE FUNCTION sluice_ensure_partitions(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  parent text;
  child  text;
  today  date;
  lower_bound text;
  upper_bound text;
  made   integer := 0;
BEGIN
  -- The service may call this with any dates: a month is the most it can ask for.
  IF last_day - first_day > 31 THEN
    RAISE EXCEPTION 'partitions of at most 31 days at once' USING ERRCODE = '22023';
  END IF;
  -- Two gateways that find the same partition missing take turns.
  PERFORM pg_advisory_xact_lock(5102027);
  FOR today IN SELECT generate_series(first_day, last_day, interval '1 day')::date LOOP
    FOREACH parent IN ARRAY ARRAY['payment_intents', 'transactions', 'outbox', 'idempotency_keys', 'processor_callbacks'] LOOP
      child := parent || '_' || to_char(today, 'YYYYMMDD');
      CONTINUE WHEN to_regclass(child) IS NOT NULL;
      IF parent IN ('idempotency_keys', 'processor_callbacks') THEN
        lower_bound := quote_literal(today);
        upper_bound := quote_literal(today + 1);
      ELSE
        lower_bound := quote_literal(sluice_first_id(today::timestamp AT TIME ZONE 'UTC'));
        upper_bound := quote_literal(sluice_first_id((today + 1)::timestamp AT TIME ZONE 'UTC'));
      END IF;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
      -- Room on each page for a second version of every row: a turn updates whole pages of rows in one commit, and until it
      -- ends none of the old versions can be pruned. The space would be taken anyway, on other pages and with index entries.
      IF parent IN ('payment_intents', 'transactions') THEN
        EXECUTE format('ALTER TABLE %I SET (fillfactor = %s, autovacuum_vacuum_scale_factor = 0.2, autovacuum_analyze_scale_factor = 0.2)',
          child, CASE parent WHEN 'transactions' THEN 40 ELSE 45 END);
      END IF;
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', parent, child, lower_bound, upper_bound);
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;
