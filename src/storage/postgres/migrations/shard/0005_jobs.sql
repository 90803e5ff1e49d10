-- Jobs that one gateway at a time does for this database, each with who does it, by this database's clock. Webhooks are one of them.

CREATE TABLE job_leases (
  job    varchar(40) PRIMARY KEY,
  holder varchar(64) NOT NULL,
  until  timestamptz NOT NULL
);

DROP TABLE webhook_lease;
