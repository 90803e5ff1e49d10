-- The vault: sealed pages of cards, who opened what, and which keys there are.

CREATE TABLE vault_pages (
  page_id     uuid        PRIMARY KEY,
  key_version integer     NOT NULL,
  card_count  smallint    NOT NULL CHECK (card_count BETWEEN 1 AND 64),
  iv          bytea       NOT NULL,
  ciphertext  bytea       NOT NULL,
  created_at  timestamptz NOT NULL
);

-- Ciphertext does not compress: do not try, and keep it out of line only when it must be.
ALTER TABLE vault_pages ALTER COLUMN ciphertext SET STORAGE EXTERNAL;

-- One row an opening, committed before the card number is handed out.
CREATE TABLE vault_audit (
  id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  page_id uuid        NOT NULL,
  slot    smallint    NOT NULL,
  purpose text        NOT NULL,
  actor   text        NOT NULL,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  outcome text        NOT NULL CHECK (outcome IN ('opened', 'token_unknown', 'hsm_unavailable'))
);

-- Version 0 is the fingerprint key, never replaced; 1 and up seal pages. pages_sealed counts seals before they are
-- made, in blocks: never below the truth.
CREATE TABLE vault_key_versions (
  key_version  integer     PRIMARY KEY,
  label        text        NOT NULL,
  key_id       bytea       NOT NULL,
  pages_sealed bigint      NOT NULL DEFAULT 0,
  created_at   timestamptz NOT NULL DEFAULT now(),
  retired_at   timestamptz
);
