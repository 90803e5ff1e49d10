/**
 * Razorpay's API as a room calls it: Basic auth, JSON there and back.
 *
 * @module
 */

import { createHttpClient, type HttpOutcome } from '../../outbound/http-client.ts';
import { parseAnswer } from '../json.ts';
import { isPageUrl } from '../page-url.ts';
import type { RazorpayConfig } from './config.ts';

const ANSWER_BYTES_MAX = 256 * 1024;

export interface ApiRequest {
  method: 'GET' | 'POST';
  /** With its query, from `/v1/` on. */
  path: string;
  /** `keyId:secret`; a call that a browser could make as well has the id alone: `keyId:`. */
  credentials: string;
  /** JSON. Left untouched. @default none */
  body?: Uint8Array;
  /** Asked once, when a connected socket is ours and nothing has been written: false stops the request. */
  mayLeave?(): boolean;
  /** Called when the bytes have been handed to the system. */
  onSent?(): void;
}

/** What came of a request; an answer that is no JSON is null. */
export type ApiReply =
  | Exclude<HttpOutcome, { kind: 'answered' }>
  | { kind: 'answered'; status: number; body: unknown };

export interface RazorpayClient {
  /** Never rejects, and sends nothing twice. */
  send(request: ApiRequest): Promise<ApiReply>;
  /** The path of an address of Razorpay's own; null: it leads elsewhere, and no credentials go there. */
  pathOf(address: unknown): string | null;
  close(): Promise<void>;
}

/** Opens the connections to Razorpay; nothing is connected before the first request. */
export function createRazorpayClient(config: RazorpayConfig, connectionsMax: number): RazorpayClient {
  const { baseUrl, connectTimeoutMs, timeoutMs } = config;
  const { origin } = new URL(baseUrl);
  const http = createHttpClient({
    origin,
    connectionsMax,
    connectTimeoutMs,
    answerBytesMax: ANSWER_BYTES_MAX,
  });
  return {
    async send({ method, path, credentials, body, mayLeave, onSent }) {
      const reply = await http.exchange({
        method,
        path,
        headers: {
          authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        body: body ?? null,
        timeoutMs,
        ...(mayLeave !== undefined && { mayLeave }),
        ...(onSent !== undefined && { onSent }),
      });
      return reply.kind === 'answered' ? { ...reply, body: parseAnswer(reply.body) } : reply;
    },
    pathOf(address) {
      if (!isPageUrl(address)) return null;
      const url = new URL(address);
      return url.origin === origin ? url.pathname + url.search : null;
    },
    close: () => http.close(),
  };
}
