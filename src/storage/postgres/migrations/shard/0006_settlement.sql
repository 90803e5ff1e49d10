-- The day after: rows of settlement reports, the ledger, and what a person must look at.

-- Rows of a report while a run works on them: the pattern of each run's own table, which is unlogged, since it can be loaded again from
-- the report. Made and dropped by the functions below, since the service owns no table. Words of the report are text of any length: what
-- is too long for us is the reader's to set aside, and must not fail a whole load.
CREATE UNLOGGED TABLE settlement_rows (
  line             integer NOT NULL,
  -- The transaction, or what stands for a row without one: same time of day, same row, same id.
  subject_id       uuid    NOT NULL,
  transaction_id   uuid,
  kind             text    NOT NULL,
  outcome          text    NOT NULL,
  movement_id      text,
  processor_txn_id text,
  reference        text,
  account          text,
  amount           bigint  NOT NULL,
  fee              bigint  NOT NULL,
  tax              bigint  NOT NULL,
  net              bigint  NOT NULL,
  currency         text    NOT NULL,
  -- Milliseconds since 1970.
  settled_at       bigint,
  settlement_id    text,
  utr              text
);

-- The terms a run compares by, as the control database has them when it begins: patterns as well.
CREATE UNLOGGED TABLE settlement_merchant_fees (
  merchant_id varchar(100)  NOT NULL,
  percent     numeric(5, 2) NOT NULL
);
CREATE UNLOGGED TABLE settlement_account_fees (
  merchant_id varchar(100)  NOT NULL,
  account     varchar(100)  NOT NULL,
  percent     numeric(5, 2) NOT NULL,
  -- Percent of the fee; null: the tax is not compared.
  tax_percent numeric(5, 2)
);

-- Double entry in one row: debits positive, credits negative, nothing left over. Append-only. A subject's entries count from 1; a new one
-- is claimed by its number, so that no row is posted twice.
CREATE TABLE ledger_entries (
  subject_id           uuid         NOT NULL,
  entry                smallint     NOT NULL CHECK (entry >= 1),
  kind                 varchar(12)  NOT NULL CHECK (kind IN ('settlement', 'suspense', 'reversal')),
  -- The entry that a reversal takes back.
  reverses             smallint     CHECK ((kind = 'reversal') = (reverses IS NOT NULL)),
  transaction_id       uuid,
  merchant_id          varchar(100),
  processor            varchar(50)  NOT NULL,
  processor_account    varchar(100),
  currency             varchar(3)   NOT NULL,
  processor_receivable bigint       NOT NULL,
  processor_fees       bigint       NOT NULL,
  processor_tax        bigint       NOT NULL,
  merchant_payable     bigint       NOT NULL,
  merchant_fees        bigint       NOT NULL,
  suspense             bigint       NOT NULL,
  -- The report's day, its run, and the row in it.
  day                  date         NOT NULL,
  run_id               integer      NOT NULL,
  line                 integer,
  movement_id          text,
  settlement_id        text,
  utr                  text,
  posted_at            timestamptz  NOT NULL,
  PRIMARY KEY (subject_id, entry),
  CHECK (processor_receivable + processor_fees + processor_tax + merchant_payable + merchant_fees + suspense = 0)
) PARTITION BY RANGE (subject_id);

-- The same, posting by posting.
CREATE VIEW ledger_postings AS
SELECT e.subject_id, e.entry, e.kind, e.transaction_id, e.merchant_id, e.processor, e.currency, e.day, e.run_id, p.account, p.amount
FROM ledger_entries e CROSS JOIN LATERAL (VALUES
  ('processor_receivable', e.processor_receivable), ('processor_fees', e.processor_fees), ('processor_tax', e.processor_tax),
  ('merchant_payable', e.merchant_payable), ('merchant_fees', e.merchant_fees), ('suspense', e.suspense)) AS p(account, amount)
WHERE p.amount <> 0;

-- The final record (requirements 7.9). Append-only: of a transaction's rows the one with the highest sequence holds.
CREATE TABLE payment_ledger (
  transaction_id    uuid         NOT NULL,
  sequence          smallint     NOT NULL CHECK (sequence >= 1),
  ledger_id         uuid         NOT NULL DEFAULT uuidv7(),
  payment_intent_id uuid         NOT NULL,
  merchant_id       varchar(100) NOT NULL,
  customer_id       varchar(100),
  amount            bigint       NOT NULL,
  currency          varchar(3)   NOT NULL,
  final_status      varchar(20)  NOT NULL CHECK (final_status IN ('SUCCESS', 'FAILED')),
  settled_at        timestamptz,
  reconciled_at     timestamptz  NOT NULL,
  run_id            integer      NOT NULL,
  PRIMARY KEY (transaction_id, sequence)
) PARTITION BY RANGE (transaction_id);

-- What is not as it should be, of one row or one transaction.
CREATE TABLE settlement_breaks (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id            integer      NOT NULL,
  processor         varchar(50)  NOT NULL,
  account           varchar(100),
  day               date         NOT NULL,
  class             varchar(20)  NOT NULL,
  state             varchar(12)  NOT NULL CHECK (state IN ('correcting', 'open', 'corrected', 'settled', 'accepted', 'dismissed')),
  detail            text         NOT NULL,
  line              integer,
  subject_id        uuid         NOT NULL,
  transaction_id    uuid,
  merchant_id       varchar(100),
  -- The merchant's fee when the run compared: what is accepted later is posted by it.
  merchant_fee      numeric(5, 2),
  -- The row as it was reported, and our transaction as it was: as JSON.
  reported          jsonb,
  ours              jsonb,
  found_at          timestamptz  NOT NULL,
  closed_at         timestamptz,
  closed_by         varchar(100),
  reason            text
);
CREATE UNIQUE INDEX settlement_breaks_row ON settlement_breaks (run_id, line) WHERE line IS NOT NULL;
CREATE UNIQUE INDEX settlement_breaks_missing ON settlement_breaks (transaction_id) WHERE class = 'missing_there';
CREATE INDEX settlement_breaks_open ON settlement_breaks (state, id) WHERE state IN ('correcting', 'open');
CREATE INDEX settlement_breaks_subject ON settlement_breaks (subject_id);

-- How far a run has come in this database: the segments of its report that are posted (-1: what no report has had), with what was found
-- in each, and the sums of the entries it made.
CREATE TABLE settlement_progress (
  run_id   integer     NOT NULL,
  segment  integer     NOT NULL,
  totals   jsonb       NOT NULL,
  balances jsonb       NOT NULL,
  at       timestamptz NOT NULL,
  PRIMARY KEY (run_id, segment)
);

-- What each merchant is owed of each day's reports: sums of ledger_entries, kept up by the commits that make them.
CREATE TABLE merchant_payouts (
  day            date         NOT NULL,
  merchant_id    varchar(100) NOT NULL,
  processor      varchar(50)  NOT NULL,
  currency       varchar(3)   NOT NULL,
  -- Settled payments less those taken back.
  payments       bigint       NOT NULL,
  amount         numeric      NOT NULL,
  processor_fees numeric      NOT NULL,
  processor_tax  numeric      NOT NULL,
  merchant_fees  numeric      NOT NULL,
  payable        numeric      NOT NULL,
  PRIMARY KEY (day, merchant_id, processor, currency)
);

-- The months of the ledger, which outlive the days of the payments.
CREATE FUNCTION sluice_ensure_ledger(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  parent text;
  child  text;
  month  date;
  made   integer := 0;
BEGIN
  IF last_day - first_day > 400 THEN
    RAISE EXCEPTION 'ledger of at most 400 days at once' USING ERRCODE = '22023';
  END IF;
  PERFORM pg_advisory_xact_lock(5102028);
  FOR month IN SELECT generate_series(date_trunc('month', first_day::timestamp), last_day::timestamp, interval '1 month')::date LOOP
    FOREACH parent IN ARRAY ARRAY['ledger_entries', 'payment_ledger'] LOOP
      child := parent || '_' || to_char(month, 'YYYYMM');
      CONTINUE WHEN to_regclass(child) IS NOT NULL;
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child,
        sluice_first_id(month::timestamp AT TIME ZONE 'UTC'), sluice_first_id((month + interval '1 month')::timestamp AT TIME ZONE 'UTC'));
      made := made + 1;
    END LOOP;
  END LOOP;
  RETURN made;
END $$;

-- The months of the payments there are, and of those that come.
DO $$
DECLARE
  today date;
BEGIN
  FOR today IN
    SELECT DISTINCT date_trunc('month', right(inhrelid::regclass::text, 8)::date)::date
    FROM pg_inherits WHERE inhparent = 'transactions'::regclass
  LOOP
    PERFORM sluice_ensure_ledger(today, today);
  END LOOP;
END $$;

-- Makes the empty tables of a run. Whoever calls holds the advisory lock (5102029, run) in its session; tables of runs that nobody holds
-- were left by some that were cut short, and go: each load begins anew.
CREATE FUNCTION sluice_open_settlement(run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  other integer;
  name  text;
BEGIN
  FOR other IN
    SELECT substring(relname FROM '[0-9]+$')::integer FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname ~ '^settlement_rows_[0-9]{1,9}$'
  LOOP
    CONTINUE WHEN other <> run AND NOT pg_try_advisory_xact_lock(5102029, other);
    PERFORM sluice_close_settlement(other);
  END LOOP;
  PERFORM sluice_close_settlement(run);
  FOREACH name IN ARRAY ARRAY['settlement_rows', 'settlement_merchant_fees', 'settlement_account_fees'] LOOP
    EXECUTE format('CREATE UNLOGGED TABLE %I (LIKE %I)', name || '_' || run, name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO %I', name || '_' || run, session_user);
  END LOOP;
END $$;

-- The rows are all there: what finds a segment of them, and what the planner must know.
CREATE FUNCTION sluice_loaded_settlement(run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  EXECUTE format('CREATE INDEX ON %I USING brin (line) WITH (pages_per_range = 32)', 'settlement_rows_' || run);
  EXECUTE format('ANALYZE %I, %I, %I', 'settlement_rows_' || run, 'settlement_merchant_fees_' || run, 'settlement_account_fees_' || run);
END $$;

CREATE FUNCTION sluice_close_settlement(run integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS %I, %I, %I',
    'settlement_rows_' || run, 'settlement_merchant_fees_' || run, 'settlement_account_fees_' || run);
END $$;
