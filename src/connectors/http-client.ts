/**
 * Http client: the one way of the program to a processor. Kept-alive connections, one request at a time on each.
 *
 * It tells exactly whether a byte may have left. A request that was never handed to a connected socket (connection
 * refused, TLS failed, no free connection in time, `sendBefore` passed) is `not_sent`; from that moment on every trouble
 * is `unknown`. Nothing is ever repeated, and requests are never pipelined behind each other.
 *
 * @module
 */

import { Pool } from 'undici';

export interface HttpClientOptions {
  /** `http://host:port`, without a path. */
  origin: string;
  /** Connections at most; as many requests are under way at most. */
  connectionsMax: number;
  connectTimeoutMs: number;
  /** From the last byte sent to the last byte of the answer. */
  answerTimeoutMs: number;
  answerBytesMax: number;
}

export interface HttpCall {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | null;
  /** Called when the socket is connected and nothing has been written yet. False: do not send. */
  mayLeave?(): boolean;
  /** Called when the request has been handed to the socket. */
  left?(): void;
}

export type HttpAnswer =
  | { kind: 'answered'; status: number; body: Buffer }
  /** No byte left. */
  | { kind: 'not_sent'; detail: string }
  /** Some byte may have left, and no whole answer came. */
  | { kind: 'unknown'; detail: string };

export interface HttpClient {
  /** Never rejects. */
  call(call: HttpCall): Promise<HttpAnswer>;
  close(): Promise<void>;
}

/** Opens a pool of connections to one origin. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const pool = new Pool(options.origin, {
    connections: options.connectionsMax,
    pipelining: 1,
    connectTimeout: options.connectTimeoutMs,
    headersTimeout: options.answerTimeoutMs,
    bodyTimeout: options.answerTimeoutMs,
    keepAliveTimeout: 30_000,
  });
  return {
    call: (call) => new Promise((resolve) => dispatch(pool, options, call, resolve)),
    close: () => pool.destroy(),
  };
}

function dispatch(
  pool: Pool,
  options: HttpClientOptions,
  call: HttpCall,
  resolve: (answer: HttpAnswer) => void,
): void {
  const { method, path, headers, body } = call;
  const chunks: Buffer[] = [];
  let bytes = 0;
  let left = false;
  let status = 0;
  pool.dispatch(
    { method, path, headers, body: body as Buffer | null },
    {
      onRequestStart(controller) {
        if (call.mayLeave !== undefined && !call.mayLeave()) {
          controller.abort(new Error('the time to send it has passed'));
          return;
        }
        left = true;
        if (call.left !== undefined) setImmediate(call.left);
      },
      onResponseStart(_, statusCode) {
        status = statusCode;
      },
      onResponseData(controller, chunk) {
        bytes += chunk.length;
        if (bytes > options.answerBytesMax) controller.abort(new Error('the answer is too long'));
        else chunks.push(chunk);
      },
      onResponseEnd() {
        resolve({ kind: 'answered', status, body: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) });
      },
      onResponseError(_, error) {
        resolve({ kind: left ? 'unknown' : 'not_sent', detail: describe(error) });
      },
    },
  );
}

/** Code and message; undici's messages name hosts and sizes, never bodies. */
function describe(error: Error & { code?: string }): string {
  return error.code === undefined ? error.message : `${error.code}: ${error.message}`;
}
