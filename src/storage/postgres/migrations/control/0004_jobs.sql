-- Jobs that one gateway at a time does for the whole installation, each with who does it, by this database's clock.

CREATE TABLE job_leases (
  job    varchar(40) PRIMARY KEY,
  holder varchar(64) NOT NULL,
  until  timestamptz NOT NULL
);
