/**
 * Web: how a checkout endpoint sees requests and answers.
 *
 * The same shapes as those of http/routes.ts, written down again because checkout does not import http: the pci
 * thread hands the one to the other.
 *
 * @module
 */

import type { OutcomeCode, Refusal } from '../domain/outcomes.ts';

export interface WebRequest {
  readonly query: string;
  header(name: string): string;
  readonly body: Buffer;
  /** Address of the browser, or of the last proxy that is known to be one; empty once it was answered or has left. */
  remoteAddress(): string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface WebAnswer {
  status: number;
  contentType?: string;
  headers?: Readonly<Record<string, string>>;
  /** Values of `Set-Cookie`, one header each. */
  cookies?: readonly string[];
  /** Default: `no-store`. */
  cacheControl?: string;
  body: string | Uint8Array;
  /** Why it was refused, for the metrics. Not sent. */
  code?: OutcomeCode;
  /** The answer goes on as server-sent events; what it returns is called once, when the stream is over. */
  events?(stream: WebEvents): () => void;
}

export interface WebEvents {
  send(event: string, data: string): void;
  /** Ends the answer; the browser may come again. */
  end(): void;
}

export interface WebRoute {
  method: 'GET' | 'POST';
  path: string;
  name: string;
  bodyLimitBytes: number;
  contentTypes: readonly string[];
  headers: readonly string[];
  wipesBody?: boolean;
  handler(request: WebRequest): WebAnswer | Promise<WebAnswer>;
}

/** One more of this name? It never rejects (http/rate-limit.ts). */
export type RateLimit = (name: string, now: number) => boolean | Promise<boolean>;

/** Makes the JSON answer of a refusal (http/problem.ts). */
export type ShowProblem = (cause: Refusal) => WebAnswer;
