/**
 * Connect: the kafkajs client of this process, with what its defaults get wrong for us.
 *
 * - Its own retries are long and, in a producer, lose messages: a send that is tried again after a partition's leader has moved takes the
 *   answer of a broker's first request for an answer about partitions that broker was never asked for (2.2.4, `sendMessages.js`). So a
 *   send is tried once, and whoever sends decides what to do next.
 * - Topics are never made by asking for them.
 * - Its log goes through ours: its message and the error's, never what it was sending.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { Kafka, type KafkaConfig, type logCreator, logLevel } from 'kafkajs';
import type { KafkaOptions } from '../../config/options.ts';
import type { Log } from '../../metrics/log.ts';

/** A broker that does not take a connection in this time is passed over for the next. */
const CONNECTION_TIMEOUT_MS = 1000;
const AUTHENTICATION_TIMEOUT_MS = 3000;
/** A request without answer in this time has failed: a paused broker keeps its connections. Joins and fetches have times of their own. */
const REQUEST_TIMEOUT_MS = 3000;
/** Within one call of the client, over its metadata and its connections: enough to pass over one broker of three that is gone. */
const RETRY = { retries: 2, initialRetryTime: 50, maxRetryTime: 200 };
/** While brokers are away the client complains several times a second. */
const LOG_EVERY_MS = 10_000;

/** Makes the client. It connects when it is used. Throws when a file cannot be read. */
export function createKafka(options: KafkaOptions, clientId: string, log: Log): Kafka {
  return new Kafka({
    ...securityOf(options),
    clientId,
    brokers: [...options.brokers],
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    authenticationTimeout: AUTHENTICATION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: RETRY,
    logLevel: logLevel.WARN,
    logCreator: () => redactedLog(log),
  });
}

function securityOf({ tls, caFile, sasl }: KafkaOptions): Pick<KafkaConfig, 'ssl' | 'sasl'> {
  const ca = caFile === undefined ? {} : { ca: [readFileSync(caFile, 'utf8')] };
  return {
    // The check is said here because the environment could say less (NODE_TLS_REJECT_UNAUTHORIZED).
    ...(tls && { ssl: { ...ca, minVersion: 'TLSv1.3', rejectUnauthorized: true } }),
    ...(sasl !== undefined && {
      sasl: {
        mechanism: 'scram-sha-512',
        username: sasl.username,
        password: readFileSync(sasl.passwordFile, 'utf8').trim(),
      },
    }),
  };
}

/** Of a row of like complaints the first is told, and with the next how many were not. */
function redactedLog(log: Log): ReturnType<logCreator> {
  let quietUntil = 0;
  let untold = 0;
  return ({ namespace, log: { message, error } }) => {
    const now = Date.now();
    if (now < quietUntil) {
      untold++;
      return;
    }
    quietUntil = now + LOG_EVERY_MS;
    log('warn', 'kafka_client', {
      kind: namespace,
      detail: message,
      errorMessage: typeof error === 'string' ? error : undefined,
      count: untold,
    });
    untold = 0;
  };
}
