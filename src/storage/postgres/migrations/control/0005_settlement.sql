-- Settlement runs, and what processors' contracts say.

-- One row a report. The same report again, by its digest, is the same run.
CREATE TABLE settlement_runs (
  run_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  processor   varchar(50)  NOT NULL,
  account     varchar(100),
  day         date         NOT NULL,
  -- A file's name, or `api`.
  source      text         NOT NULL,
  -- SHA-256 of the report's bytes, before they are unpacked.
  digest      bytea        NOT NULL CHECK (length(digest) = 32),
  state       varchar(10)  NOT NULL CHECK (state IN ('running', 'done')),
  -- What was found: totals by class and currency, balances; null while it runs.
  report      jsonb,
  started_at  timestamptz  NOT NULL,
  finished_at timestamptz,
  started_by  varchar(100) NOT NULL
);
CREATE UNIQUE INDEX settlement_runs_report ON settlement_runs (processor, coalesce(account, ''), day, digest);

-- Rows that could not be read, each set aside by its number.
CREATE TABLE settlement_bad_lines (
  run_id integer NOT NULL REFERENCES settlement_runs,
  line   integer NOT NULL,
  detail text    NOT NULL,
  PRIMARY KEY (run_id, line)
);

-- What the processor keeps of a payment by contract: percent of the amount, and percent of that as tax. Null: its fees are not compared.
ALTER TABLE processor_accounts
  ADD COLUMN fee_percent numeric(5, 2),
  ADD COLUMN fee_tax_percent numeric(5, 2);
