/**
 * Log: one JSON line per event on stderr, made of listed fields only.
 *
 * A payment gateway's log must be unable to hold a card. So there are no message templates and no free objects: an event
 * has a fixed name and fields from a list; any other field is dropped and counted. Fields of free text are cut to 500
 * characters and every run of twelve or more digits in them is masked, whatever a library put into an error message; in
 * the other fields a run that could be a card number is masked too, and ids of ours (32 hex digits) stay whole.
 *
 * @module
 */

import { destination, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

/** Names, codes, ids and numbers of ours. */
const PLAIN_FIELDS = [
  'attempt',
  'bytes',
  'childThread',
  'code',
  'count',
  'database',
  'deaths',
  'durationMs',
  'endpoint',
  'errorName',
  'eventId',
  'exitCode',
  'facts',
  'host',
  'index',
  'intentId',
  'keyVersion',
  'kind',
  'lagMs',
  'lane',
  'late',
  'merchantId',
  'method',
  'mode',
  'pages',
  'peer',
  'pid',
  'point',
  'port',
  'processor',
  'requestId',
  'retryMs',
  'setting',
  'shard',
  'signal',
  'slot',
  'state',
  'status',
  'transactionId',
  'verdict',
  'version',
] as const;

/** Free text, masked and cut. */
const TEXT_FIELDS = ['detail', 'errorMessage', 'reason', 'stack', 'url'] as const;

export type LogField = (typeof PLAIN_FIELDS)[number] | (typeof TEXT_FIELDS)[number];
export type LogFields = { readonly [Field in LogField]?: string | number | boolean | null | undefined };

/**
 * Writes one event.
 * @param event what happened, in snake_case; never made of data
 */
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

const PLAIN: ReadonlySet<string> = new Set(PLAIN_FIELDS);
const TEXT: ReadonlySet<string> = new Set(TEXT_FIELDS);
const STDERR = 2;
const TEXT_CHARS_MAX = 500;
/** A stack is the one text worth more room. */
const STACK_CHARS_MAX = 4000;
const DIGITS = /\d(?:[ -]?\d){11,}/g;
/** 12 to 19 digits that stand alone. */
const CARD_LIKE = /(?<![0-9a-z])\d(?:[ -]?\d){11,18}(?![0-9a-z])/gi;
/** Twelve digits: no count, port or duration of ours is that large. */
const NUMBER_END = 1e11;

/**
 * Opens the log of a thread.
 * @param thread name put on every line
 * @param out where lines go; stderr when left out
 */
export function createLog(thread: string, out: { write(line: string): void } = stderr()): Log {
  const logger = pino(
    {
      base: { thread },
      level: 'info',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      messageKey: 'event',
      formatters: { level: (label) => ({ level: label }) },
    },
    out,
  );
  return (level, event, fields = {}) => logger[level](listed(fields), event);
}

/** Written at once: a line about a death must not die in a buffer. */
function stderr(): { write(line: string): void } {
  return destination({ dest: STDERR, sync: true });
}

function listed(fields: object): Record<string, string | number | boolean | null> {
  const kept: Record<string, string | number | boolean | null> = {};
  let dropped = 0;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const safe = safeValue(name, value);
    if (safe === undefined) dropped += 1;
    else kept[name] = safe;
  }
  if (dropped > 0) kept.droppedFields = dropped;
  return kept;
}

/** What may be written of a field; undefined: nothing. */
function safeValue(name: string, value: unknown): string | number | boolean | null | undefined {
  if (!PLAIN.has(name) && !TEXT.has(name)) return undefined;
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Math.abs(value) < NUMBER_END ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const masked = value.replaceAll(TEXT.has(name) ? DIGITS : CARD_LIKE, '[digits]');
  const charsMax = name === 'stack' ? STACK_CHARS_MAX : TEXT_CHARS_MAX;
  return masked.length > charsMax ? `${masked.slice(0, charsMax)}…` : masked;
}

/** The listed fields of an error, for {@link Log}. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { errorName: 'NotAnError', errorMessage: String(error) };
  const code = (error as { code?: unknown }).code;
  return {
    errorName: error.name,
    errorMessage: error.message,
    code: typeof code === 'string' ? code : undefined,
    stack: error.stack,
  };
}
