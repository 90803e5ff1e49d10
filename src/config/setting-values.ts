/**
 * Setting values: text to value, one function per kind of setting.
 *
 * Each returns the value or the reason why the text is none. Reasons never repeat the text, since it may be a secret.
 *
 * @module
 */
import { isIP } from 'node:net';
import type { RateLimit, RateLimitName } from './options.ts';

/** A read value, or why it is none. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly detail: string };

/** Reads the text of one setting. */
export type Reader<T> = (text: string) => Read<T>;

const RATE_LIMIT_NAMES: readonly RateLimitName[] = ['merchant', 'session', 'card', 'ip'];

/** A whole decimal number between `low` and `high`, both included. */
export function integerBetween(low: number, high: number): Reader<number> {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= low && number <= high) return taken(number);
    return refused(`must be a whole number from ${low} to ${high}`);
  };
}

/** A TCP port; 0 asks the system. */
export const port: Reader<number> = integerBetween(0, 65_535);

/** One of the given words. */
export function oneOf<T extends string>(words: readonly T[]): Reader<T> {
  return (text) => {
    const word = words.find((candidate) => candidate === text);
    return word === undefined ? refused(`must be ${words.join(' or ')}`) : taken(word);
  };
}

/** `on` or `off`, as a boolean. */
export const onOff: Reader<boolean> = (text) => {
  if (text === 'on' || text === 'true' || text === '1') return taken(true);
  if (text === 'off' || text === 'false' || text === '0') return taken(false);
  return refused('must be on or off');
};

/** `HH:MM` as minutes after midnight, or `off`: never. */
export const dailyTime: Reader<number | 'off'> = (text) => {
  if (text === 'off') return taken(text);
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hours === undefined
    ? refused('must be HH:MM, in UTC, or off')
    : taken(Number(hours) * 60 + Number(minutes));
};

/** Any text without control characters. */
export const plainText: Reader<string> = (text) =>
  /^\P{Cc}+$/u.test(text) ? taken(text) : refused('must not hold control characters');

/** Several of the given words, comma separated, each once. */
export function someOf<T extends string>(words: readonly T[]): Reader<readonly T[]> {
  return (text) => {
    const found = splitList(text);
    const known = words.filter((word) => found.includes(word));
    if (known.length > 0 && known.length === found.length) return taken(known);
    return refused(`must be a comma separated choice of ${words.join(', ')}, each once`);
  };
}

/** A comma separated list, each part read by `reader`; an empty list is refused. */
export function listOf<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (text) => {
    const values: T[] = [];
    for (const part of splitList(text)) {
      const read = reader(part);
      if (!read.ok) return refused(`each part ${read.detail}`);
      values.push(read.value);
    }
    return values.length > 0 ? taken(values) : refused('must name at least one');
  };
}

/** An absolute URL of one of the schemes, given back without a slash at its end. */
export function url(schemes: readonly string[]): Reader<string> {
  return (text) => {
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (parsed !== undefined && schemes.includes(parsed.protocol.slice(0, -1)) && parsed.hostname !== '') {
      return taken(text.replace(/\/+$/, ''));
    }
    return refused(`must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`);
  };
}

/** A base URL of an HTTP service: no query, no fragment, no user. */
export const httpUrl: Reader<string> = (text) => {
  const read = url(['https', 'http'])(text);
  if (!read.ok) return read;
  const { search, hash, username } = new URL(read.value);
  return search === '' && hash === '' && username === ''
    ? read
    : refused('must not hold a user, query or fragment');
};

/** What `sslmode` may be: the words that are never taken for less than they say (storage/postgres/server.ts). */
const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify'];
/** Other ways to say something about TLS, which would be a second word on it. */
const OTHER_TLS_PARAMETERS = ['ssl', 'sslnegotiation', 'uselibpqcompat'];

/** A PostgreSQL connection string that names a database and a user. */
export const databaseUrl: Reader<string> = (text) => {
  const read = url(['postgres', 'postgresql'])(text);
  if (!read.ok) return read;
  const { pathname, username, searchParams } = new URL(read.value);
  if (pathname.length <= 1 || username === '') return refused('must name a user and a database');
  const modes = searchParams.getAll('sslmode');
  if (modes.length > 1 || modes.some((mode) => !SSL_MODES.includes(mode))) {
    return refused(`may say sslmode once: ${SSL_MODES.join(', ')}`);
  }
  const others = OTHER_TLS_PARAMETERS.filter((name) => searchParams.has(name));
  return others.length > 0 ? refused(`must not say ${others.join(' or ')}, but sslmode`) : read;
};

/** `host:port`. */
export const broker: Reader<string> = (text) => {
  const colon = text.lastIndexOf(':');
  const portRead = port(text.slice(colon + 1));
  return colon > 0 && portRead.ok && portRead.value > 0 ? taken(text) : refused('must be host:port');
};

/** What may begin the name of a Kafka topic. */
export const topicPrefix: Reader<string> = (text) =>
  /^[a-zA-Z0-9._-]{1,100}$/.test(text)
    ? taken(text)
    : refused('must be up to 100 letters, digits, dots, dashes or underscores');

/** An IP address or CIDR range; a range of all addresses would believe whatever anybody says of himself. */
export const addressRange: Reader<string> = (text) => {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  const width = family === 4 ? 32 : 128;
  const fits = bits === undefined || integerBetween(1, width)(bits).ok;
  return family > 0 && fits && rest.length === 0
    ? taken(text)
    : refused('must be an IP address or CIDR range, and not all there are');
};

/** An IP address, or `localhost`. */
export const listenAddress: Reader<string> = (text) =>
  isIP(text) > 0 || text === 'localhost' ? taken(text) : refused('must be an IP address or localhost');

/** `name=count` or `name=count/seconds`, comma separated. */
export const rateLimits: Reader<Partial<Record<RateLimitName, RateLimit>>> = (text) => {
  const limits: Partial<Record<RateLimitName, RateLimit>> = {};
  for (const part of splitList(text)) {
    const [, word = '', count = '', seconds = '1'] = /^(\w+)=(\d{1,9})(?:\/(\d{1,5}))?$/.exec(part) ?? [];
    const name = RATE_LIMIT_NAMES.find((candidate) => candidate === word);
    if (name === undefined || Number(count) < 1 || Number(seconds) < 1 || limits[name] !== undefined) {
      return refused(
        `must be name=count or name=count/seconds, comma separated, each of ${RATE_LIMIT_NAMES.join(', ')} at most once`,
      );
    }
    limits[name] = { count: Number(count), perSeconds: Number(seconds) };
  }
  return taken(limits);
};

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function taken<T>(value: T): Read<T> {
  return { ok: true, value };
}

function refused(detail: string): { readonly ok: false; readonly detail: string } {
  return { ok: false, detail };
}
