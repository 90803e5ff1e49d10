-- Webhooks: which events merchants have been told, and what became of telling each endpoint.

-- dispatched_at: what becomes of its deliveries is recorded in webhook_deliveries from then on (there may be none: no endpoint wants it).
-- delivered_at: an endpoint of the merchant has accepted it; null while none has.
-- Rows from before this version count as dispatched now: there were no endpoints, nobody was ever told of them, and a merchant who
-- registers one today is not to hear of old payments. A default that is dropped again marks them without rewriting the table.
ALTER TABLE outbox ADD COLUMN dispatched_at timestamptz DEFAULT now();
ALTER TABLE outbox ALTER COLUMN dispatched_at DROP DEFAULT;
ALTER TABLE outbox ADD COLUMN failure_code varchar(100);

-- sequence was the attempt's revision; now a payment's events count 1, 2, 3 whichever attempt they are of, and the intent keeps
-- the number of its last event.
ALTER TABLE payment_intents ADD COLUMN event_sequence integer NOT NULL DEFAULT 0;
UPDATE outbox o SET sequence = numbered.sequence
FROM (
  SELECT event_id, row_number() OVER (PARTITION BY payment_intent_id ORDER BY created_at, sequence, event_id) AS sequence FROM outbox
) numbered
WHERE o.event_id = numbered.event_id;
UPDATE payment_intents i SET event_sequence = counted.events
FROM (SELECT payment_intent_id, max(sequence) AS events FROM outbox GROUP BY payment_intent_id) counted
WHERE i.payment_intent_id = counted.payment_intent_id;

CREATE INDEX outbox_undispatched ON outbox (event_id) WHERE dispatched_at IS NULL;

-- One row per endpoint and event. tries and replays are the compare of compare-and-set: a replay starts the schedule anew.
CREATE TABLE webhook_deliveries (
  endpoint_id uuid         NOT NULL,
  event_id    uuid         NOT NULL,
  merchant_id varchar(100) NOT NULL,
  state       varchar(20)  NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
  tries       integer      NOT NULL,
  replays     integer      NOT NULL,
  next_at     timestamptz  CHECK ((state = 'waiting') = (next_at IS NOT NULL)),
  log         jsonb        NOT NULL,
  created_at  timestamptz  NOT NULL,
  updated_at  timestamptz  NOT NULL,
  PRIMARY KEY (endpoint_id, event_id)
) PARTITION BY RANGE (event_id);

CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (next_at) WHERE state = 'waiting';
-- Nearly all are delivered: what an endpoint has not accepted is found without them.
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (endpoint_id, event_id) WHERE state <> 'delivered';

-- Who delivers this database's events, by this database's clock. One row at most.
CREATE TABLE webhook_lease (
  only_one boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
  holder   varchar(64) NOT NULL,
  until    timestamptz NOT NULL
);

-- Makes the partitions of each UTC day from `first_day` to `last_day` that are missing. A partition is created apart and
-- attached, so that writers wait for no more than the attach. Owned by the migrator, callable by the service.
CREATE OR REPLACE FUNCTION sluice_ensure_partitions(first_day date, last_day date) RETURNS integer
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
    FOREACH parent IN ARRAY ARRAY['payment_intents', 'transactions', 'outbox', 'webhook_deliveries', 'idempotency_keys', 'processor_callbacks'] LOOP
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

-- The days there are already.
DO $$
DECLARE
  today date;
BEGIN
  FOR today IN SELECT right(inhrelid::regclass::text, 8)::date FROM pg_inherits WHERE inhparent = 'outbox'::regclass LOOP
    PERFORM sluice_ensure_partitions(today, today);
  END LOOP;
END $$;
