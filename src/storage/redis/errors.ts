/**
 * What an error of Redis, or of the way to it, means for whoever asked.
 *
 * @module
 */

/** A server is dead, silent or not in service: it may be back in a moment. */
export class RedisAway extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'RedisAway';
  }
}

/** A server must not be used as it is set up: only its operator can change that. */
export class RedisRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RedisRefused';
  }
}

/** First words of what a server says that is up but not in service. */
const NOT_IN_SERVICE = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'READONLY', 'NOREPLICAS', 'BUSY']);
const REDIRECTED = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/** The first word of a server's own error; undefined for any other. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  return error.message.split(' ', 1)[0];
}

/** True when the error says that the server cannot serve now; a word of it about the command itself does not. */
export function isAway(error: unknown): boolean {
  const code = errorCode(error);
  return code === undefined || NOT_IN_SERVICE.has(code);
}

/** True when a cluster says that the key is at another of its servers. */
export function isRedirected(error: unknown): boolean {
  const code = errorCode(error);
  return code !== undefined && REDIRECTED.has(code);
}
