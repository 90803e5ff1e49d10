/**
 * Routes: what an endpoint declares and what it is given.
 *
 * A listener is a list of these. An endpoint says beforehand which headers it reads, which bodies it takes and
 * how large they may be, so the server does no work for what nobody looks at.
 *
 * @module
 */

import type { OutcomeCode } from '../domain/outcomes.ts';
import type { EventStream } from './event-stream.ts';

/** One request, complete with its body. It holds nothing of the socket and may be kept as long as needed. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  /** Values of the `:name` parts of the path pattern, as they came (not percent-decoded). */
  readonly params: Readonly<Record<string, string>>;
  /** Without the question mark; empty when there is none. */
  readonly query: string;
  /** Value of a header the route declares, by lower-case name; empty when absent. Throws for one it does not declare. */
  header(name: string): string;
  /** The whole body, a copy that belongs to the handler. */
  readonly body: Buffer;
  /** Address of the client as text, behind trusted proxies too (client-address.ts); empty once it was answered or has left. */
  remoteAddress(): string;
  /** Milliseconds since 1970 when the headers had arrived. */
  readonly now: number;
  readonly requestId: string;
}

/** One answer. `Content-Length`, `X-Request-Id`, `Cache-Control` and `nosniff` are added. */
export interface HttpResponse {
  status: number;
  /** Default: `application/json`. */
  contentType?: string;
  headers?: Readonly<Record<string, string>>;
  /** Values of `Set-Cookie`, one header each. */
  cookies?: readonly string[];
  /** Default: `no-store`. */
  cacheControl?: string;
  body: string | Uint8Array;
  /** Why it was refused, for the metrics. Not sent. */
  code?: OutcomeCode;
  /**
   * The answer goes on as server-sent events after `body`, while the listener has room for another stream (else 503).
   * Begins to send; what it returns is called once, when the stream is over.
   */
  events?(stream: EventStream): () => void;
}

/** One row of a listener's table. */
export interface Route {
  /** A GET also answers HEAD. */
  method: 'GET' | 'POST' | 'DELETE';
  /** Path with `:name` parts. */
  path: string;
  /** Name in the metrics. */
  name: string;
  /** A longer body is refused with 413. Ignored for GET and DELETE. */
  bodyLimitBytes: number;
  /** Media types the body may have; empty: any. Ignored for GET and DELETE. */
  contentTypes: readonly string[];
  /** Lower-case names of the headers the handler reads. */
  headers: readonly string[];
  /** True when the body holds card data: every copy the server made is filled with zeros once the handler is done. */
  wipesBody?: boolean;
  handler(request: HttpRequest): HttpResponse | Promise<HttpResponse>;
}

/** What is told of every request once it is over. */
export interface RequestMetric {
  /** Name of the route, or `none`. */
  endpoint: string;
  status: number;
  /** Why it was refused; null when it was not. */
  code: OutcomeCode | null;
  /** Headers read to answer written, milliseconds. */
  durationMs: number;
  /** The client left before it was answered. */
  aborted: boolean;
}

/** An answer with a JSON body. */
export function json(
  status: number,
  body: unknown,
  headers?: Readonly<Record<string, string>>,
): HttpResponse {
  return jsonText(status, JSON.stringify(body), headers);
}

/** An answer whose body is JSON text already. */
export function jsonText(
  status: number,
  body: string,
  headers?: Readonly<Record<string, string>>,
): HttpResponse {
  return headers === undefined ? { status, body } : { status, body, headers };
}
