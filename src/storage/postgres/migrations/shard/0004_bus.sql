-- Bus: what is still to be put on Kafka. Nothing of it is written where Kafka is not configured.

-- A callback that was applied past Kafka, which was away. Only those few are indexed.
ALTER TABLE processor_callbacks ADD COLUMN relay boolean NOT NULL DEFAULT false;
CREATE INDEX processor_callbacks_relay ON processor_callbacks (received_at) WHERE relay;

-- What merchants are to hear and `payment_status` does not hold yet: written by the commit that makes the event, deleted when Kafka has
-- acknowledged it. In the order in which it is put there: a payment's events by their number. Rows live for seconds, so what is dead
-- is cleared by count and not by share.
CREATE TABLE status_relay (
  payment_intent_id uuid    NOT NULL,
  sequence          integer NOT NULL,
  event_id          uuid    NOT NULL,
  PRIMARY KEY (payment_intent_id, sequence, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);
