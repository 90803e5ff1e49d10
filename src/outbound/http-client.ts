/**
 * HTTP client: the one way out to a processor or a merchant, over kept-alive connections.
 *
 * What it is for: telling exactly whether a byte of a request may have left. `not_sent` is proof that none did
 * (no address, connection refused, TLS failed, no free connection, the deadline passed before the first byte);
 * everything after the request was handed to a connected socket is `unknown` unless a whole answer came back.
 *
 * Promises: a request is written to a socket at most once and never repeated; one connection carries one request
 * at a time (undici `Client`s of our own, newest idle one first, because a pool looks through all of its
 * connections at each request); answers and connections are bounded; redirects are not followed.
 *
 * @module
 */

import type { LookupFunction } from 'node:net';
import { Client, type Dispatcher } from 'undici';

export interface HttpClientOptions {
  /** Scheme, host and port; no path. */
  origin: string;
  /** Connections, which is also requests under way: one more is `not_sent`. @default 2048 */
  connectionsMax?: number;
  /** For name, TCP and TLS together. @default 3000 */
  connectTimeoutMs?: number;
  /** Bytes of an answer's body; a longer one is cut off and `unknown`, unless the body is discarded. @default 65536 */
  answerBytesMax?: number;
  /** Finds the addresses of the origin's name, once a connection; not asked when the host is an address. @default Node's own */
  lookup?: LookupFunction;
}

export interface HttpRequest {
  method: 'GET' | 'POST';
  /** With its query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  /** Left untouched; when the exchange has resolved nothing reads it any more, so its owner may wipe it. */
  body: Uint8Array | null;
  /** From the call to the last byte of the answer. */
  timeoutMs: number;
  /** Names of answer headers to hand over, in lower case. @default none */
  answerHeaders?: readonly string[];
  /**
   * The status is the answer: the body is read and forgotten, and when it is too long or takes too long the connection is dropped
   * and the answer stands. @default false
   */
  discardBody?: boolean;
  /** Asked once, when a connected socket is ours and nothing has been written: false stops the request. */
  mayLeave?(): boolean;
  /** Called when the bytes have been handed to the system. */
  onSent?(): void;
}

export type NotSentReason = 'unreachable' | 'busy' | 'deadline_passed' | 'closed';

export type HttpOutcome =
  | { kind: 'answered'; status: number; headers: Readonly<Record<string, string>>; body: Buffer }
  | { kind: 'not_sent'; reason: NotSentReason; detail: string }
  | { kind: 'unknown'; detail: string };

export interface HttpClient {
  /** Resolves with what became of the request. Never rejects. */
  exchange(request: HttpRequest): Promise<HttpOutcome>;
  /** Ends every connection; requests under way resolve as `not_sent` or `unknown`, whichever is true. */
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 2048;
const CONNECT_TIMEOUT_MS = 3000;
const ANSWER_BYTES_MAX = 64 * 1024;
/** Below the idle time of common servers, so that we close first; a server's own hint shortens or lengthens it. */
const KEEP_ALIVE_MS = 4000;
/** A server's hint lengthens it no further: what is idle is to be closed. */
const KEEP_ALIVE_MS_MAX = 60_000;
const HEADER_BYTES_MAX = 16 * 1024;
/** How long a discarded body is read after its headers, for the sake of the connection. */
const DISCARD_MS_MAX = 1000;

/** Opens a client of one origin. Nothing is connected before the first request. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  const connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
  const live = new Set<Client>();
  const idle: Client[] = [];
  let closed = false;

  function take(): Client | null {
    const kept = idle.pop();
    if (kept !== undefined || live.size >= connectionsMax) return kept ?? null;
    const client = new Client(options.origin, {
      pipelining: 1,
      connect: {
        // Closes the socket; the exchange keeps the time itself, for this one is up to a second late.
        timeout: connectTimeoutMs,
        // Said here because the environment could say less: NODE_TLS_REJECT_UNAUTHORIZED, --tls-min-v1.0.
        rejectUnauthorized: true,
        minVersion: 'TLSv1.2',
        ...(options.lookup !== undefined && { lookup: options.lookup }),
      },
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS_MAX,
      maxHeaderSize: HEADER_BYTES_MAX,
      // One timer of our own per request covers both.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    live.add(client);
    return client;
  }

  function discard(client: Client): void {
    live.delete(client);
    client.destroy(null, () => undefined);
  }

  return {
    exchange(request) {
      if (closed) return Promise.resolve(notSent('closed', 'the client is closed'));
      const client = take();
      if (client === null)
        return Promise.resolve(notSent('busy', `${connectionsMax} requests are under way`));
      return new Promise((resolve) => {
        const exchange = new Exchange(request, { connectTimeoutMs, answerBytesMax }, (outcome, whole) => {
          // A connection whose exchange did not end with a whole answer is never used again.
          if (whole && !closed) idle.push(client);
          else discard(client);
          resolve(outcome);
        });
        const { method, path, headers, body } = request;
        client.dispatch({ method, path, headers, body, idempotent: false }, exchange);
      });
    },
    async close() {
      closed = true;
      idle.length = 0;
      await Promise.all([...live].map((client) => client.destroy()));
      live.clear();
    },
  };
}

/**
 * One request on its way. undici calls `onRequestStart` in the same run of code that writes to the connected
 * socket: before it no byte has left, and an abort inside it keeps all of them back.
 */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: HttpRequest;
  readonly #answerBytesMax: number;
  readonly #resolve: (outcome: HttpOutcome, whole: boolean) => void;
  readonly #connectTimeoutMs: number;
  readonly #startedMs = performance.now();
  /** Waits for the connection first, then, one that was there in time, for the answer. */
  #timer: NodeJS.Timeout;
  #discardTimer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | null = null;
  #settled = false;
  /** 0 until the final status has come. */
  #status = 0;
  #headers: Readonly<Record<string, string>> = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  /** @param resolve is told the outcome and whether the whole answer was read */
  constructor(
    request: HttpRequest,
    limits: { connectTimeoutMs: number; answerBytesMax: number },
    resolve: (outcome: HttpOutcome, whole: boolean) => void,
  ) {
    this.#request = request;
    this.#connectTimeoutMs = Math.min(limits.connectTimeoutMs, request.timeoutMs);
    this.#answerBytesMax = limits.answerBytesMax;
    this.#resolve = resolve;
    this.#timer = this.#lookAfter(this.#connectTimeoutMs);
  }

  /** After a stall of this thread what is waited for may be in the socket already: it is read before time is called. */
  #lookAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => setImmediate(() => this.#callTime()), ms);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#settled || this.#controller !== null) {
      this.#settle({ kind: 'unknown', detail: 'the client would have sent twice' });
      controller.abort(ABORTED);
      return;
    }
    if (this.#request.mayLeave?.() === false) {
      this.#settle(notSent('deadline_passed', 'the deadline to send passed before the first byte left'));
      controller.abort(ABORTED);
      return;
    }
    this.#controller = controller;
    if (this.#request.onSent !== undefined) queueMicrotask(this.#request.onSent);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // 1xx: more is to come.
    if (status < 200) return;
    this.#status = status;
    this.#headers = chosen(headers, this.#request.answerHeaders ?? []);
    if (this.#request.discardBody)
      this.#discardTimer = setTimeout(() => this.#cutOff(controller), DISCARD_MS_MAX);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#answerBytesMax) {
      if (this.#request.discardBody) {
        this.#cutOff(controller);
        return;
      }
      this.#settle({ kind: 'unknown', detail: `the answer is longer than ${this.#answerBytesMax} bytes` });
      controller.abort(ABORTED);
      return;
    }
    if (this.#request.discardBody) return;
    // The chunk is a view into the parser's memory, which the next read overwrites.
    this.#chunks.push(Buffer.from(chunk));
  }

  onResponseEnd(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#bytes);
    this.#settle(this.#answered(body), true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#controller === null) this.#settle(notSent('unreachable', codeOf(error)));
    else if (this.#status !== 0 && this.#request.discardBody) this.#settle(this.#answered(NOTHING));
    else this.#settle({ kind: 'unknown', detail: `sent, then ${codeOf(error)}` });
  }

  #answered(body: Buffer): HttpOutcome {
    return { kind: 'answered', status: this.#status, headers: this.#headers, body };
  }

  /** The rest of a body that nobody reads is not waited for. */
  #cutOff(controller: Dispatcher.DispatchController): void {
    if (this.#settled) return;
    this.#settle(this.#answered(NOTHING));
    controller.abort(ABORTED);
  }

  #callTime(): void {
    if (this.#settled) return;
    const { timeoutMs } = this.#request;
    if (this.#controller === null) {
      this.#settle(notSent('unreachable', `no connection in ${this.#connectTimeoutMs} ms`));
      return;
    }
    const leftMs = timeoutMs - (performance.now() - this.#startedMs);
    if (leftMs > 0) {
      this.#timer = this.#lookAfter(leftMs);
      return;
    }
    if (this.#status !== 0 && this.#request.discardBody) {
      this.#cutOff(this.#controller);
      return;
    }
    this.#settle({ kind: 'unknown', detail: `sent, then no answer in ${timeoutMs} ms` });
    this.#controller.abort(ABORTED);
  }

  #settle(outcome: HttpOutcome, whole = false): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#discardTimer);
    this.#resolve(outcome, whole);
  }
}

const ABORTED = new Error('given up');
const NOTHING = Buffer.alloc(0);

/** The first value of each header that was asked for. */
function chosen(
  headers: Record<string, string | string[] | undefined>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first !== undefined) found[name] = first;
  }
  return found;
}

function notSent(reason: NotSentReason, detail: string): HttpOutcome {
  return { kind: 'not_sent', reason, detail };
}

/** The error's code or name: its message could quote what we sent. */
function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
