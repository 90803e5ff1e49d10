/**
 * HTTP client: the one way out to a processor, over kept-alive connections.
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

import { Client, type Dispatcher } from 'undici';

export interface HttpClientOptions {
  /** Scheme, host and port; no path. */
  origin: string;
  /** Connections, which is also requests under way: one more is `not_sent`. @default 2048 */
  connectionsMax?: number;
  /** For name, TCP and TLS together. @default 3000 */
  connectTimeoutMs?: number;
  /** Bytes of an answer's body; a longer one is cut off and `unknown`. @default 65536 */
  answerBytesMax?: number;
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
  /** Asked once, when a connected socket is ours and nothing has been written: false stops the request. */
  mayLeave?(): boolean;
  /** Called when the bytes have been handed to the system. */
  onSent?(): void;
}

export type NotSentReason = 'unreachable' | 'busy' | 'deadline_passed' | 'closed';

export type HttpOutcome =
  | { kind: 'answered'; status: number; body: Buffer }
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
const HEADER_BYTES_MAX = 16 * 1024;

/** Opens a client of one origin. Nothing is connected before the first request. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const connectionsMax = options.connectionsMax ?? CONNECTIONS_MAX;
  const answerBytesMax = options.answerBytesMax ?? ANSWER_BYTES_MAX;
  const live = new Set<Client>();
  const idle: Client[] = [];
  let closed = false;

  function take(): Client | null {
    const kept = idle.pop();
    if (kept !== undefined || live.size >= connectionsMax) return kept ?? null;
    const client = new Client(options.origin, {
      pipelining: 1,
      connect: { timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS },
      keepAliveTimeout: KEEP_ALIVE_MS,
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
        const exchange = new Exchange(request, answerBytesMax, (outcome) => {
          // A connection whose exchange did not end with a whole answer is never used again.
          if (outcome.kind === 'answered' && !closed) idle.push(client);
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
  readonly #resolve: (outcome: HttpOutcome) => void;
  readonly #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #settled = false;
  #status = 0;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(request: HttpRequest, answerBytesMax: number, resolve: (outcome: HttpOutcome) => void) {
    this.#request = request;
    this.#answerBytesMax = answerBytesMax;
    this.#resolve = resolve;
    // After a stall of this thread the answer may be waiting in the socket: it is read before time is called.
    this.#timer = setTimeout(() => setImmediate(() => this.#giveUp()), request.timeoutMs);
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

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#answerBytesMax) {
      this.#settle({ kind: 'unknown', detail: `the answer is longer than ${this.#answerBytesMax} bytes` });
      controller.abort(ABORTED);
      return;
    }
    // The chunk is a view into the parser's memory, which the next read overwrites.
    this.#chunks.push(Buffer.from(chunk));
  }

  onResponseEnd(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#bytes);
    this.#settle({ kind: 'answered', status: this.#status, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#controller === null) this.#settle(notSent('unreachable', codeOf(error)));
    else this.#settle({ kind: 'unknown', detail: `sent, then ${codeOf(error)}` });
  }

  #giveUp(): void {
    if (this.#settled) return;
    const { timeoutMs } = this.#request;
    if (this.#controller === null) {
      this.#settle(notSent('unreachable', `no connection in ${timeoutMs} ms`));
      return;
    }
    this.#settle({ kind: 'unknown', detail: `sent, then no answer in ${timeoutMs} ms` });
    this.#controller.abort(ABORTED);
  }

  #settle(outcome: HttpOutcome): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#resolve(outcome);
  }
}

const ABORTED = new Error('given up');

function notSent(reason: NotSentReason, detail: string): HttpOutcome {
  return { kind: 'not_sent', reason, detail };
}

/** The error's code or name: its message could quote what we sent. */
function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}
