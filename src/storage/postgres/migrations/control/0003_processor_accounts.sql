-- Accounts at processors: every one a merchant has or had, so that an attempt is asked about, and its callbacks are believed, with
-- the credentials of the very account that was charged, whatever the preferences have become since.

CREATE TABLE processor_accounts (
  merchant_id varchar(100) NOT NULL REFERENCES merchants,
  processor   varchar(50)  NOT NULL,
  account     varchar(100) NOT NULL,
  -- Sealed by the config token.
  config      bytea        NOT NULL,
  created_at  timestamptz  NOT NULL DEFAULT now(),
  PRIMARY KEY (merchant_id, processor, account)
);

INSERT INTO processor_accounts (merchant_id, processor, account, config)
SELECT merchant_id, preferred_processor, processor_account, config FROM merchant_preferences;

CREATE INDEX processor_accounts_account ON processor_accounts (processor, account);

CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON processor_accounts FOR EACH ROW EXECUTE FUNCTION sluice_tell_merchant();

-- What a merchant wants: where its charges go, and where else they may go.
DROP INDEX merchant_preferences_account;
ALTER TABLE merchant_preferences DROP COLUMN config;
ALTER TABLE merchant_preferences RENAME COLUMN processor_account TO preferred_account;
ALTER TABLE merchant_preferences ADD COLUMN fallback_account varchar(100);
-- No version before this one charged a fallback, and none had an account there.
UPDATE merchant_preferences SET fallback_processor = NULL;
ALTER TABLE merchant_preferences
  ADD CONSTRAINT merchant_preferences_fallback CHECK ((fallback_processor IS NULL) = (fallback_account IS NULL)),
  ADD FOREIGN KEY (merchant_id, preferred_processor, preferred_account) REFERENCES processor_accounts,
  ADD FOREIGN KEY (merchant_id, fallback_processor, fallback_account) REFERENCES processor_accounts;
