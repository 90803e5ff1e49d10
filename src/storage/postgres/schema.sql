-- What the migrations make, read back from PostgreSQL by dump-schema.ts. Written by `npm run schema`; not to be edited.


-- Database: control

CREATE TABLE api_idempotency_keys (
  merchant_id character varying(100) NOT NULL,
  endpoint character varying(200) NOT NULL,
  key character varying(255) NOT NULL,
  body_hash bytea NOT NULL,
  answer_sealed bytea NOT NULL,
  created_at timestamp with time zone NOT NULL,
  PRIMARY KEY (merchant_id, endpoint, key),
  CHECK ((length(body_hash) = 32)),
  FOREIGN KEY (merchant_id) REFERENCES merchants(merchant_id)
);
CREATE INDEX api_idempotency_keys_created_at ON public.api_idempotency_keys USING btree (created_at);
GRANT delete, insert, select ON api_idempotency_keys TO sluice_control;

CREATE TABLE api_keys (
  digest bytea NOT NULL,
  merchant_id character varying(100) NOT NULL,
  prefix character varying(10) NOT NULL,
  created_at timestamp with time zone NOT NULL,
  revoked_at timestamp with time zone,
  PRIMARY KEY (digest),
  CHECK ((length(digest) = 32)),
  FOREIGN KEY (merchant_id) REFERENCES merchants(merchant_id)
);
CREATE TRIGGER tell AFTER INSERT OR DELETE OR UPDATE ON public.api_keys FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
GRANT insert, select, update ON api_keys TO sluice_control;

CREATE UNLOGGED TABLE checkout_sessions (
  session_id character varying(40) NOT NULL,
  session text NOT NULL,
  expires_at timestamp with time zone NOT NULL,
  grace_until timestamp with time zone NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (session_id)
) WITH (autovacuum_vacuum_scale_factor=0.05);
CREATE INDEX checkout_sessions_grace_until ON public.checkout_sessions USING btree (grace_until);
GRANT delete, insert, select, update ON checkout_sessions TO sluice_control;

CREATE TABLE job_leases (
  job character varying(40) NOT NULL,
  holder character varying(64) NOT NULL,
  until timestamp with time zone NOT NULL,
  PRIMARY KEY (job)
);
GRANT insert, select, update ON job_leases TO sluice_control;

CREATE TABLE merchant_preferences (
  merchant_id character varying(100) NOT NULL,
  preferred_processor character varying(50) NOT NULL,
  fallback_processor character varying(50),
  transaction_fee_percent numeric(5,2) NOT NULL,
  preferred_account character varying(100) NOT NULL,
  fallback_account character varying(100),
  PRIMARY KEY (merchant_id),
  CHECK (((fallback_processor IS NULL) = (fallback_account IS NULL))),
  FOREIGN KEY (merchant_id, fallback_processor, fallback_account) REFERENCES processor_accounts(merchant_id, processor, account),
  FOREIGN KEY (merchant_id) REFERENCES merchants(merchant_id),
  FOREIGN KEY (merchant_id, preferred_processor, preferred_account) REFERENCES processor_accounts(merchant_id, processor, account)
);
CREATE TRIGGER tell AFTER INSERT OR DELETE OR UPDATE ON public.merchant_preferences FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
GRANT insert, select, update ON merchant_preferences TO sluice_control;

CREATE TABLE merchants (
  merchant_id character varying(100) NOT NULL,
  name character varying(200) NOT NULL,
  mode character varying(4) NOT NULL,
  spread integer NOT NULL DEFAULT 1,
  created_at timestamp with time zone NOT NULL,
  redirect_origins text[] NOT NULL DEFAULT '{}'::text[],
  PRIMARY KEY (merchant_id),
  CHECK (((mode)::text = ANY ((ARRAY['test'::character varying, 'live'::character varying])::text[]))),
  CHECK ((cardinality(redirect_origins) <= 64)),
  CHECK (((spread >= 1) AND (spread <= 1024)))
);
CREATE TRIGGER tell AFTER INSERT OR DELETE OR UPDATE ON public.merchants FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
GRANT insert, select, update ON merchants TO sluice_control;

CREATE TABLE processor_accounts (
  merchant_id character varying(100) NOT NULL,
  processor character varying(50) NOT NULL,
  account character varying(100) NOT NULL,
  config bytea NOT NULL,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  fee_percent numeric(5,2),
  fee_tax_percent numeric(5,2),
  PRIMARY KEY (merchant_id, processor, account),
  FOREIGN KEY (merchant_id) REFERENCES merchants(merchant_id)
);
CREATE INDEX processor_accounts_account ON public.processor_accounts USING btree (processor, account);
CREATE TRIGGER tell AFTER INSERT OR DELETE OR UPDATE ON public.processor_accounts FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
GRANT insert, select, update ON processor_accounts TO sluice_control;

CREATE TABLE schema_migrations (
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (name)
);
GRANT select ON schema_migrations TO sluice_control;

CREATE TABLE settlement_bad_lines (
  run_id integer NOT NULL,
  line integer NOT NULL,
  detail text NOT NULL,
  PRIMARY KEY (run_id, line),
  FOREIGN KEY (run_id) REFERENCES settlement_runs(run_id)
);
GRANT delete, insert, select ON settlement_bad_lines TO sluice_control;

CREATE TABLE settlement_runs (
  run_id integer NOT NULL GENERATED ALWAYS AS IDENTITY,
  processor character varying(50) NOT NULL,
  account character varying(100),
  day date NOT NULL,
  source text NOT NULL,
  digest bytea NOT NULL,
  state character varying(10) NOT NULL,
  report jsonb,
  started_at timestamp with time zone NOT NULL,
  finished_at timestamp with time zone,
  started_by character varying(100) NOT NULL,
  PRIMARY KEY (run_id),
  CHECK ((length(digest) = 32)),
  CHECK (((state)::text = ANY ((ARRAY['running'::character varying, 'done'::character varying])::text[])))
);
CREATE UNIQUE INDEX settlement_runs_report ON public.settlement_runs USING btree (processor, COALESCE(account, ''::character varying), day, digest);
GRANT delete, insert, select, update (finished_at), update (report), update (state) ON settlement_runs TO sluice_control;

CREATE TABLE shard_map (
  low integer NOT NULL,
  high integer NOT NULL,
  database integer NOT NULL,
  PRIMARY KEY (low),
  CHECK (((high >= low) AND (high <= 1023))),
  CHECK ((database >= 0)),
  CHECK (((low >= 0) AND (low <= 1023)))
);
CREATE TRIGGER tell AFTER INSERT OR DELETE OR UPDATE ON public.shard_map FOR EACH STATEMENT EXECUTE FUNCTION sluice_tell_all();
GRANT insert, select, update ON shard_map TO sluice_control;

CREATE TABLE webhook_endpoints (
  endpoint_id uuid NOT NULL,
  merchant_id character varying(100) NOT NULL,
  url character varying(2048) NOT NULL,
  event_types text[],
  secret_sealed bytea NOT NULL,
  previous_secret_sealed bytea,
  previous_secret_until timestamp with time zone,
  disabled_at timestamp with time zone,
  disabled_reason character varying(20),
  revision integer NOT NULL DEFAULT 1,
  created_at timestamp with time zone NOT NULL,
  PRIMARY KEY (endpoint_id),
  CHECK (((previous_secret_sealed IS NULL) = (previous_secret_until IS NULL))),
  CHECK (((disabled_at IS NULL) = (disabled_reason IS NULL))),
  CHECK (((disabled_reason)::text = ANY ((ARRAY['merchant'::character varying, 'gone'::character varying])::text[]))),
  FOREIGN KEY (merchant_id) REFERENCES merchants(merchant_id)
);
CREATE INDEX webhook_endpoints_merchant ON public.webhook_endpoints USING btree (merchant_id);
CREATE TRIGGER tell AFTER INSERT OR DELETE OR UPDATE ON public.webhook_endpoints FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();
GRANT delete, insert, select, update ON webhook_endpoints TO sluice_control;

CREATE OR REPLACE FUNCTION public.sluice_tell_all()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('sluice_control', '');
  RETURN NULL;
END $function$;

CREATE OR REPLACE FUNCTION public.sluice_tell_merchant()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_notify('sluice_control', coalesce(NEW.merchant_id, OLD.merchant_id));
  RETURN NULL;
END $function$;


-- Database: vault

CREATE TABLE schema_migrations (
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (name)
);
GRANT select ON schema_migrations TO sluice_vault;

CREATE TABLE vault_audit (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  page_id uuid NOT NULL,
  slot smallint NOT NULL,
  purpose text NOT NULL,
  actor text NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
  outcome text NOT NULL,
  PRIMARY KEY (id),
  CHECK ((outcome = ANY (ARRAY['opened'::text, 'token_unknown'::text, 'hsm_unavailable'::text])))
);
GRANT insert, select ON vault_audit TO sluice_vault;

CREATE TABLE vault_key_versions (
  key_version integer NOT NULL,
  label text NOT NULL,
  key_id bytea NOT NULL,
  pages_sealed bigint NOT NULL DEFAULT 0,
  created_at timestamp with time zone NOT NULL DEFAULT now(),
  retired_at timestamp with time zone,
  PRIMARY KEY (key_version)
);
GRANT insert, select, update ON vault_key_versions TO sluice_vault;

CREATE TABLE vault_pages (
  page_id uuid NOT NULL,
  key_version integer NOT NULL,
  card_count smallint NOT NULL,
  iv bytea NOT NULL,
  ciphertext bytea NOT NULL,
  created_at timestamp with time zone NOT NULL,
  PRIMARY KEY (page_id),
  CHECK (((card_count >= 1) AND (card_count <= 64)))
);
GRANT insert, select ON vault_pages TO sluice_vault;


-- Database: shard_1 to shard_N

CREATE TABLE idempotency_keys (
  day date NOT NULL,
  merchant_id character varying(100) NOT NULL,
  endpoint character varying(60) NOT NULL,
  key character varying(255) NOT NULL,
  body_hash bytea NOT NULL,
  effect_id uuid NOT NULL,
  answer text NOT NULL,
  created_at timestamp with time zone NOT NULL,
  PRIMARY KEY (day, merchant_id, endpoint, key)
) PARTITION BY RANGE (day);
GRANT insert, select ON idempotency_keys TO sluice_shard;

CREATE TABLE incidents (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  transaction_id uuid NOT NULL,
  payment_intent_id uuid NOT NULL,
  kind character varying(40) NOT NULL,
  at timestamp with time zone NOT NULL DEFAULT now(),
  detail text NOT NULL DEFAULT ''::text,
  acknowledged_at timestamp with time zone,
  PRIMARY KEY (id),
  UNIQUE (transaction_id, kind)
);
GRANT insert, select, update (acknowledged_at) ON incidents TO sluice_shard;

CREATE TABLE job_leases (
  job character varying(40) NOT NULL,
  holder character varying(64) NOT NULL,
  until timestamp with time zone NOT NULL,
  PRIMARY KEY (job)
);
GRANT insert, select, update ON job_leases TO sluice_shard;

CREATE TABLE ledger_entries (
  subject_id uuid NOT NULL,
  entry smallint NOT NULL,
  kind character varying(12) NOT NULL,
  reverses smallint,
  transaction_id uuid,
  merchant_id character varying(100),
  processor character varying(50) NOT NULL,
  processor_account character varying(100),
  currency character varying(3) NOT NULL,
  processor_receivable bigint NOT NULL,
  processor_fees bigint NOT NULL,
  processor_tax bigint NOT NULL,
  merchant_payable bigint NOT NULL,
  merchant_fees bigint NOT NULL,
  suspense bigint NOT NULL,
  day date NOT NULL,
  run_id integer NOT NULL,
  line integer,
  movement_id text,
  settlement_id text,
  utr text,
  posted_at timestamp with time zone NOT NULL,
  PRIMARY KEY (subject_id, entry),
  CHECK ((((kind)::text = 'reversal'::text) = (reverses IS NOT NULL))),
  CHECK (((((((processor_receivable + processor_fees) + processor_tax) + merchant_payable) + merchant_fees) + suspense) = 0)),
  CHECK ((entry >= 1)),
  CHECK (((kind)::text = ANY ((ARRAY['settlement'::character varying, 'suspense'::character varying, 'reversal'::character varying])::text[])))
) PARTITION BY RANGE (subject_id);
GRANT insert, select ON ledger_entries TO sluice_shard;

CREATE TABLE merchant_payouts (
  day date NOT NULL,
  merchant_id character varying(100) NOT NULL,
  processor character varying(50) NOT NULL,
  currency character varying(3) NOT NULL,
  payments bigint NOT NULL,
  amount numeric NOT NULL,
  processor_fees numeric NOT NULL,
  processor_tax numeric NOT NULL,
  merchant_fees numeric NOT NULL,
  payable numeric NOT NULL,
  PRIMARY KEY (day, merchant_id, processor, currency)
);
GRANT insert, select, update ON merchant_payouts TO sluice_shard;

CREATE TABLE operator_audit (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  transaction_id uuid NOT NULL,
  operator character varying(100) NOT NULL,
  action character varying(40) NOT NULL,
  reason text NOT NULL,
  at timestamp with time zone NOT NULL,
  PRIMARY KEY (id)
);
CREATE INDEX operator_audit_transaction ON public.operator_audit USING btree (transaction_id);
GRANT insert, select ON operator_audit TO sluice_shard;

CREATE TABLE outbox (
  event_id uuid NOT NULL,
  merchant_id character varying(100) NOT NULL,
  payment_intent_id uuid NOT NULL,
  transaction_id uuid,
  type character varying(40) NOT NULL,
  status character varying(20) NOT NULL,
  sequence integer NOT NULL,
  created_at timestamp with time zone NOT NULL,
  delivered_at timestamp with time zone,
  dispatched_at timestamp with time zone,
  failure_code character varying(100),
  PRIMARY KEY (event_id)
) PARTITION BY RANGE (event_id);
CREATE INDEX outbox_undispatched ON ONLY public.outbox USING btree (event_id) WHERE (dispatched_at IS NULL);
GRANT insert, select, update (delivered_at), update (dispatched_at) ON outbox TO sluice_shard;

CREATE TABLE owned_ranges (
  low integer NOT NULL,
  high integer NOT NULL,
  epoch integer NOT NULL DEFAULT 1,
  PRIMARY KEY (low),
  CHECK (((high >= low) AND (high <= 1023))),
  CHECK (((low >= 0) AND (low <= 1023)))
);
GRANT select, update ON owned_ranges TO sluice_shard;

CREATE TABLE payment_intents (
  payment_intent_id uuid NOT NULL,
  merchant_id character varying(100) NOT NULL,
  customer_id character varying(100),
  order_id character varying(100) NOT NULL,
  amount bigint NOT NULL,
  currency character varying(3) NOT NULL,
  payment_method_type character varying(50),
  status character varying(20) NOT NULL,
  metadata jsonb,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  event_sequence integer NOT NULL DEFAULT 0,
  PRIMARY KEY (payment_intent_id),
  CHECK ((amount > 0)),
  CHECK (((status)::text = ANY ((ARRAY['PENDING'::character varying, 'SUCCESS'::character varying, 'FAILED'::character varying])::text[])))
) PARTITION BY RANGE (payment_intent_id);
GRANT insert, select, update ON payment_intents TO sluice_shard;

CREATE TABLE payment_ledger (
  transaction_id uuid NOT NULL,
  sequence smallint NOT NULL,
  ledger_id uuid NOT NULL DEFAULT uuidv7(),
  payment_intent_id uuid NOT NULL,
  merchant_id character varying(100) NOT NULL,
  customer_id character varying(100),
  amount bigint NOT NULL,
  currency character varying(3) NOT NULL,
  final_status character varying(20) NOT NULL,
  settled_at timestamp with time zone,
  reconciled_at timestamp with time zone NOT NULL,
  run_id integer NOT NULL,
  PRIMARY KEY (transaction_id, sequence),
  CHECK (((final_status)::text = ANY ((ARRAY['SUCCESS'::character varying, 'FAILED'::character varying])::text[]))),
  CHECK ((sequence >= 1))
) PARTITION BY RANGE (transaction_id);
GRANT insert, select ON payment_ledger TO sluice_shard;

CREATE TABLE processor_callbacks (
  day date NOT NULL,
  processor character varying(50) NOT NULL,
  event_id character varying(200) NOT NULL,
  transaction_id uuid,
  verdict character varying(20) NOT NULL,
  reason text,
  word jsonb,
  received_at timestamp with time zone NOT NULL,
  relay boolean NOT NULL DEFAULT false,
  PRIMARY KEY (day, processor, event_id),
  CHECK (((verdict)::text = ANY ((ARRAY['applied'::character varying, 'duplicate'::character varying, 'ignored'::character varying, 'quarantined'::character varying, 'unmatched'::character varying])::text[])))
) PARTITION BY RANGE (day);
CREATE INDEX processor_callbacks_quarantined ON ONLY public.processor_callbacks USING btree (received_at) WHERE ((verdict)::text = 'quarantined'::text);
CREATE INDEX processor_callbacks_relay ON ONLY public.processor_callbacks USING btree (received_at) WHERE relay;
CREATE INDEX processor_callbacks_unmatched ON ONLY public.processor_callbacks USING btree (received_at) WHERE ((verdict)::text = 'unmatched'::text);
GRANT insert, select, update (reason), update (relay), update (verdict) ON processor_callbacks TO sluice_shard;

CREATE TABLE recovery_progress (
  name character varying(40) NOT NULL,
  up_to uuid NOT NULL,
  updated_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (name)
);
GRANT insert, select, update ON recovery_progress TO sluice_shard;

CREATE TABLE schema_migrations (
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamp with time zone NOT NULL DEFAULT now(),
  PRIMARY KEY (name)
);
GRANT select ON schema_migrations TO sluice_shard;

CREATE UNLOGGED TABLE settlement_account_fees (
  merchant_id character varying(100) NOT NULL,
  account character varying(100) NOT NULL,
  percent numeric(5,2) NOT NULL,
  tax_percent numeric(5,2)
);

CREATE TABLE settlement_breaks (
  id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
  run_id integer NOT NULL,
  processor character varying(50) NOT NULL,
  account character varying(100),
  day date NOT NULL,
  class character varying(20) NOT NULL,
  state character varying(12) NOT NULL,
  detail text NOT NULL,
  line integer,
  subject_id uuid NOT NULL,
  transaction_id uuid,
  merchant_id character varying(100),
  merchant_fee numeric(5,2),
  reported jsonb,
  ours jsonb,
  found_at timestamp with time zone NOT NULL,
  closed_at timestamp with time zone,
  closed_by character varying(100),
  reason text,
  PRIMARY KEY (id),
  CHECK (((state)::text = ANY ((ARRAY['correcting'::character varying, 'open'::character varying, 'corrected'::character varying, 'settled'::character varying, 'accepted'::character varying, 'dismissed'::character varying])::text[])))
);
CREATE INDEX settlement_breaks_open ON public.settlement_breaks USING btree (state, id) WHERE ((state)::text = ANY ((ARRAY['correcting'::character varying, 'open'::character varying])::text[]));
CREATE INDEX settlement_breaks_subject ON public.settlement_breaks USING btree (subject_id);
CREATE UNIQUE INDEX settlement_breaks_missing ON public.settlement_breaks USING btree (transaction_id) WHERE ((class)::text = 'missing_there'::text);
CREATE UNIQUE INDEX settlement_breaks_row ON public.settlement_breaks USING btree (run_id, line) WHERE (line IS NOT NULL);
GRANT insert, select, update (closed_at), update (closed_by), update (detail), update (reason), update (state) ON settlement_breaks TO sluice_shard;

CREATE UNLOGGED TABLE settlement_merchant_fees (
  merchant_id character varying(100) NOT NULL,
  percent numeric(5,2) NOT NULL
);

CREATE TABLE settlement_progress (
  run_id integer NOT NULL,
  segment integer NOT NULL,
  totals jsonb NOT NULL,
  balances jsonb NOT NULL,
  at timestamp with time zone NOT NULL,
  PRIMARY KEY (run_id, segment)
);
GRANT insert, select ON settlement_progress TO sluice_shard;

CREATE UNLOGGED TABLE settlement_rows (
  line integer NOT NULL,
  subject_id uuid NOT NULL,
  transaction_id uuid,
  kind text NOT NULL,
  outcome text NOT NULL,
  movement_id text,
  processor_txn_id text,
  reference text,
  account text,
  amount bigint NOT NULL,
  fee bigint NOT NULL,
  tax bigint NOT NULL,
  net bigint NOT NULL,
  currency text NOT NULL,
  settled_at bigint,
  settlement_id text,
  utr text
);

CREATE TABLE status_relay (
  payment_intent_id uuid NOT NULL,
  sequence integer NOT NULL,
  event_id uuid NOT NULL,
  PRIMARY KEY (payment_intent_id, sequence, event_id)
) WITH (autovacuum_vacuum_scale_factor=0, autovacuum_vacuum_threshold=10000);
GRANT delete, insert, select ON status_relay TO sluice_shard;

CREATE TABLE transactions (
  transaction_id uuid NOT NULL,
  payment_intent_id uuid NOT NULL,
  attempt smallint NOT NULL,
  merchant_id character varying(100) NOT NULL,
  customer_id character varying(100),
  amount bigint NOT NULL,
  currency character varying(3) NOT NULL,
  status character varying(20) NOT NULL,
  outcome character varying(20) NOT NULL,
  leg smallint NOT NULL,
  processor character varying(50) NOT NULL,
  processor_account character varying(100) NOT NULL,
  processor_txn_id character varying(100),
  token character varying(500),
  failure_code character varying(100),
  reopenable boolean NOT NULL,
  revision integer NOT NULL,
  sender_nonce character varying(32) NOT NULL,
  send_before timestamp with time zone NOT NULL,
  card_brand character varying(20),
  card_masked character varying(19),
  card_expiry_month smallint,
  card_expiry_year smallint,
  card_fingerprint character varying(64),
  success_url text,
  cancel_url text,
  session_expires_at timestamp with time zone,
  evidence jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  completed_at timestamp with time zone,
  payment_method_type character varying(50),
  routing jsonb,
  next_action jsonb,
  PRIMARY KEY (transaction_id),
  CHECK ((amount > 0)),
  CHECK (((attempt >= 1) AND (attempt <= 15))),
  CHECK (((outcome)::text = ANY ((ARRAY['not_sent'::character varying, 'unknown'::character varying, 'action_required'::character varying, 'declined'::character varying, 'charged'::character varying])::text[]))),
  CHECK (((status)::text = ANY ((ARRAY['SENT'::character varying, 'PROCESSING'::character varying, 'REQUIRES_ACTION'::character varying, 'SUCCESS'::character varying, 'FAILED'::character varying])::text[])))
) PARTITION BY RANGE (transaction_id);
GRANT insert, select, update ON transactions TO sluice_shard;

CREATE TABLE webhook_deliveries (
  endpoint_id uuid NOT NULL,
  event_id uuid NOT NULL,
  merchant_id character varying(100) NOT NULL,
  state character varying(20) NOT NULL,
  tries integer NOT NULL,
  replays integer NOT NULL,
  next_at timestamp with time zone,
  log jsonb NOT NULL,
  created_at timestamp with time zone NOT NULL,
  updated_at timestamp with time zone NOT NULL,
  PRIMARY KEY (endpoint_id, event_id),
  CHECK ((((state)::text = 'waiting'::text) = (next_at IS NOT NULL))),
  CHECK (((state)::text = ANY ((ARRAY['waiting'::character varying, 'delivered'::character varying, 'dead'::character varying])::text[])))
) PARTITION BY RANGE (event_id);
CREATE INDEX webhook_deliveries_open ON ONLY public.webhook_deliveries USING btree (endpoint_id, event_id) WHERE ((state)::text <> 'delivered'::text);
CREATE INDEX webhook_deliveries_waiting ON ONLY public.webhook_deliveries USING btree (next_at) WHERE ((state)::text = 'waiting'::text);
GRANT insert, select, update ON webhook_deliveries TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_close_settlement(run integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  EXECUTE format('DROP TABLE IF EXISTS %I, %I, %I',
    'settlement_rows_' || run, 'settlement_merchant_fees_' || run, 'settlement_account_fees_' || run);
END $function$;
GRANT execute ON FUNCTION sluice_close_settlement(integer) TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_ensure_ledger(first_day date, last_day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
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
END $function$;
GRANT execute ON FUNCTION sluice_ensure_ledger(date,date) TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_ensure_partitions(first_day date, last_day date)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
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
END $function$;
GRANT execute ON FUNCTION sluice_ensure_partitions(date,date) TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_first_id(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE
AS $function$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid
$function$;
GRANT execute ON FUNCTION sluice_first_id(timestamp with time zone) TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_halfway()
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'halfway' USING ERRCODE = 'SL001';
END $function$;
GRANT execute ON FUNCTION sluice_halfway() TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_loaded_settlement(run integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
BEGIN
  EXECUTE format('CREATE INDEX ON %I USING brin (line) WITH (pages_per_range = 32)', 'settlement_rows_' || run);
  EXECUTE format('ANALYZE %I, %I, %I', 'settlement_rows_' || run, 'settlement_merchant_fees_' || run, 'settlement_account_fees_' || run);
END $function$;
GRANT execute ON FUNCTION sluice_loaded_settlement(integer) TO sluice_shard;

CREATE OR REPLACE FUNCTION public.sluice_open_settlement(run integer)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
END $function$;
GRANT execute ON FUNCTION sluice_open_settlement(integer) TO sluice_shard;
