/**
 * Connection: one connection to one database that comes back by itself.
 *
 * While it is down a query is refused at once with the SQLSTATE of a lost connection, so that nobody queues behind an
 * outage; a query under way when it breaks is rejected, and whether it was committed is for the caller to find out.
 * Every session has a statement, a lock and an idle-in-transaction timeout: a paused gateway holds nothing for long.
 *
 * @module
 */

import pg from 'pg';
import { serverOf } from './server.ts';

export interface ConnectionOptions {
  connectionString: string;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /** Milliseconds. Default 5000. */
  statementTimeoutMs?: number;
  /** Milliseconds. Default 2000. */
  lockTimeoutMs?: number;
  /** Server settings of the session, as `jit=off`. */
  settings?: Readonly<Record<string, string>>;
  /** Send queries while earlier ones are under way, each a transaction of its own. Default false: one at a time. */
  pipeline?: boolean;
  /** Run on each new connection before it is used, as LISTEN. */
  onConnect?(client: pg.Client): Promise<void>;
  /** Hears of every loss, and while the connection is down of a failed try each ten seconds. */
  onLost?(error: Error): void;
  /** Hears that a lost connection is there again. */
  onBack?(): void;
}

export interface PgLink {
  /** Rejects with the server's error, or with code 08006 when the connection is down or breaks. */
  query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>>;
  connected(): boolean;
  /** Resolves when connected or after `withinMs`; true when connected. */
  whenConnected(withinMs: number): Promise<boolean>;
  /**
   * Resolves when connected, or once the connection has been down for `downMs`: at once when it has been down for longer. The first
   * connection is waited for until the first try has failed.
   */
  whenBack(downMs: number): Promise<boolean>;
  close(): Promise<void>;
}

/** The connection is down, or broke while a query was under way. `code` is the SQLSTATE class 08. */
export class ConnectionLost extends Error {
  readonly code = '08006';
  /** False: nothing was sent. True: the query may have been carried out. */
  readonly sent: boolean;

  constructor(sent: boolean, cause?: unknown) {
    super(sent ? 'the connection broke while a query was under way' : 'the connection is down', { cause });
    this.name = 'ConnectionLost';
    this.sent = sent;
  }
}

const CONNECT_TIMEOUT_MS = 3000;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2000;
const TELL_EVERY_MS = 10_000;

/** Opens the connection in the background and keeps it open. */
export function createConnection(options: ConnectionOptions): PgLink {
  let client: pg.Client | null = null;
  let closing = false;
  let retryMs = RETRY_MS_MIN;
  let retry: NodeJS.Timeout | undefined;
  /** Monotonic milliseconds; null while it is there, and before the first try has ended. */
  let downSince: number | null = null;
  let toldAt = Number.NEGATIVE_INFINITY;
  const waiting = new Set<() => void>();

  function open(): Promise<void> {
    return connectOnce(options, lost).then(
      (opened) => {
        if (closing) {
          end(opened);
          return;
        }
        client = opened;
        retryMs = RETRY_MS_MIN;
        if (downSince !== null) options.onBack?.();
        downSince = null;
        toldAt = Number.NEGATIVE_INFINITY;
        for (const settle of waiting) settle();
      },
      (error: Error) => again(error),
    );
  }

  function lost(broken: pg.Client, error: Error): void {
    if (client !== broken) return;
    client = null;
    again(error);
  }

  function again(error: Error): void {
    if (closing) return;
    const at = performance.now();
    downSince ??= at;
    if (at - toldAt >= TELL_EVERY_MS) {
      toldAt = at;
      options.onLost?.(error);
    }
    retry = setTimeout(() => void open(), retryMs);
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
  }

  async function query<Row extends pg.QueryResultRow>(config: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    const used = client;
    if (used === null) throw new ConnectionLost(false);
    try {
      return await used.query<Row>(config);
    } catch (error) {
      // The server's own errors carry a SQLSTATE; everything else is the socket's.
      if (isServerError(error)) throw error;
      lost(used, error as Error);
      end(used);
      throw new ConnectionLost(true, error);
    }
  }

  function whenConnected(withinMs: number): Promise<boolean> {
    if (client !== null || closing) return Promise.resolve(client !== null);
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        waiting.delete(settle);
        resolve(client !== null);
      };
      const timer = setTimeout(settle, withinMs);
      waiting.add(settle);
    });
  }

  async function whenBack(downMs: number): Promise<boolean> {
    if (client === null && downSince === null) await firstTry;
    const leftMs = downSince === null ? 0 : downSince + downMs - performance.now();
    return leftMs > 0 ? await whenConnected(leftMs) : client !== null;
  }

  async function close(): Promise<void> {
    closing = true;
    clearTimeout(retry);
    const open = client;
    client = null;
    for (const settle of waiting) settle();
    await open?.end();
  }

  const firstTry = open();
  return { query, connected: () => client !== null, whenConnected, whenBack, close };
}

/** Opens one connection, once; rejects when the server cannot be reached. */
export async function connectOnce(
  options: ConnectionOptions,
  onLost: (client: pg.Client, error: Error) => void = () => undefined,
): Promise<pg.Client> {
  const settings = Object.entries(options.settings ?? {}).map(([name, value]) => `-c ${name}=${value}`);
  const timeoutMs = options.statementTimeoutMs ?? 5000;
  const client = new pg.Client({
    ...serverOf(options.connectionString),
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: timeoutMs,
    lock_timeout: options.lockTimeoutMs ?? 2000,
    idle_in_transaction_session_timeout: timeoutMs,
    // A server that went silent without closing: above the statement timeout, which is the usual end.
    query_timeout: timeoutMs + 2000,
    keepAlive: true,
    pipeline: options.pipeline ?? false,
    ...(settings.length > 0 && { options: settings.join(' ') }),
  });
  client.on('error', (error) => onLost(client, error));
  client.on('end', () => onLost(client, new ConnectionLost(false)));
  try {
    await client.connect();
    await options.onConnect?.(client);
  } catch (error) {
    end(client);
    throw error;
  }
  return client;
}

function isServerError(error: unknown): boolean {
  // 57P0x: the server ends this session; whatever ran was rolled back, but the connection is gone.
  return error instanceof pg.DatabaseError && error.code !== undefined && !error.code.startsWith('57P');
}

/** Ends a connection nobody uses any more; its own trouble is of no interest then. */
function end(client: pg.Client): void {
  client.end().catch(() => undefined);
}
