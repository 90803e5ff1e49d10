/**
 * Send: one POST to one endpoint.
 *
 * The status decides: 2xx is delivered, all else is not, a redirect least of all. Nothing else of the answer is kept but Retry-After.
 *
 * @module
 */

import { createHttpClient, type HttpClient, type HttpOutcome } from '../outbound/http-client.ts';
import { type AddressRule, checkWebhookUrl } from './address.ts';
import type { WebhookMessage } from './message.ts';
import { ADDRESS_NOT_ALLOWED, checkedLookup, createResolve, type Resolve } from './resolve.ts';
import { readRetryAfter } from './schedule.ts';
import { signatureHeaders } from './sign.ts';

/**
 * Why a try did not deliver:
 * - `http_status`: an answer other than 2xx
 * - `timeout`: no answer, or no connection, in time
 * - `unreachable`: nobody is there: no such name, or the connection was refused
 * - `tls`: the certificate or the handshake is not in order
 * - `address_not_allowed`: the URL or an address of its name is none a webhook may go to
 * - `connection_lost`: it was sent, and then the connection ended without an answer
 * - `busy`: this gateway had no connection to spare
 */
export type SendFailure =
  | 'http_status'
  | 'timeout'
  | 'unreachable'
  | 'tls'
  | 'address_not_allowed'
  | 'connection_lost'
  | 'busy';

/** What came of a try. */
export interface SendResult {
  /** Null when no answer came. */
  status: number | null;
  /** Null when it was delivered. */
  failure: SendFailure | null;
  durationMs: number;
  /** What the endpoint asked for, with whatever status. */
  retryAfterMs: number | null;
}

export interface WebhookSender {
  /**
   * Never rejects.
   * @param secrets newest first
   */
  send(url: string, message: WebhookMessage, secrets: readonly string[]): Promise<SendResult>;
  /** Ends every connection; tries under way resolve. */
  close(): Promise<void>;
}

export interface WebhookSenderOptions extends AddressRule {
  /** Milliseconds since 1970: the time in the signature. */
  now(): number;
  /** Milliseconds of a clock that never jumps, for durations. */
  monotonicMs(): number;
  /** Left out: {@link createResolve}. */
  resolve?: Resolve;
  /** For all of a try. @default 10000 */
  timeoutMs?: number;
  /** Origins with connections kept, more than there can be tries at once. @default 4096 */
  originsMax?: number;
}

const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 3000;
/** Above the tries under way in all (endpoint-gates.ts): however many origins hang, there is room for one more. */
const ORIGINS_MAX = 4096;
/** As many as there can be tries in all (endpoint-gates.ts): the shops of a platform share one origin. */
const CONNECTIONS_PER_ORIGIN_MAX = 2048;
/** Of a body nobody reads: enough to keep the connection for the next try. */
const ANSWER_BYTES_MAX = 16 * 1024;

/** Opens a sender. Nothing is connected before the first try. */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const { now, monotonicMs, resolve = createResolve(options) } = options;
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const originsMax = options.originsMax ?? ORIGINS_MAX;
  const lookup = checkedLookup(resolve, options);
  /** By origin, the longest unused first. */
  const clients = new Map<string, { client: HttpClient; underWay: number }>();

  function take(origin: string): { client: HttpClient; underWay: number } | null {
    const known = clients.get(origin);
    if (known !== undefined) {
      clients.delete(origin);
      clients.set(origin, known);
      return known;
    }
    if (clients.size >= originsMax && !dropIdle()) return null;
    const client = createHttpClient({
      origin,
      connectionsMax: CONNECTIONS_PER_ORIGIN_MAX,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      answerBytesMax: ANSWER_BYTES_MAX,
      lookup,
    });
    const taken = { client, underWay: 0 };
    clients.set(origin, taken);
    return taken;
  }

  /** False: every origin has a try under way. */
  function dropIdle(): boolean {
    for (const [origin, { client, underWay }] of clients) {
      if (underWay > 0) continue;
      clients.delete(origin);
      void client.close();
      return true;
    }
    return false;
  }

  return {
    async send(text, message, secrets) {
      const began = monotonicMs();
      const ended = (result: Omit<SendResult, 'durationMs'>): SendResult => ({
        ...result,
        durationMs: Math.round(monotonicMs() - began),
      });
      const verdict = checkWebhookUrl(text, options);
      if (!verdict.ok) return ended(failed('address_not_allowed'));
      const { origin, pathname, search } = verdict.url;
      const taken = take(origin);
      if (taken === null) return ended(failed('busy'));
      taken.underWay++;
      const outcome = await taken.client.exchange({
        method: 'POST',
        path: `${pathname}${search}`,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'Sluice-Webhooks/1',
          ...signatureHeaders(message.id, now(), message.body, secrets),
        },
        body: message.body,
        timeoutMs,
        answerHeaders: ['retry-after'],
        discardBody: true,
      });
      taken.underWay--;
      return ended(resultOf(outcome, now()));
    },
    async close() {
      const open = [...clients.values()];
      clients.clear();
      await Promise.all(open.map(({ client }) => client.close()));
    },
  };
}

function resultOf(outcome: HttpOutcome, now: number): Omit<SendResult, 'durationMs'> {
  if (outcome.kind === 'answered') {
    const { status, headers } = outcome;
    const delivered = status >= 200 && status < 300;
    return {
      status,
      failure: delivered ? null : 'http_status',
      retryAfterMs: readRetryAfter(headers['retry-after'], now),
    };
  }
  if (outcome.kind === 'unknown')
    return failed(outcome.detail.includes('no answer in') ? 'timeout' : 'connection_lost');
  if (outcome.reason === 'busy') return failed('busy');
  return failed(failureOf(outcome.detail));
}

/** By the code of the connection's error. */
function failureOf(code: string): SendFailure {
  if (code === ADDRESS_NOT_ALLOWED) return 'address_not_allowed';
  if (/TIMEOUT|TIMEDOUT|^no connection in/.test(code)) return 'timeout';
  if (/CERT|TLS|SSL|SIGNED|VERIFY|ISSUER|EPROTO/.test(code)) return 'tls';
  return 'unreachable';
}

function failed(failure: SendFailure): Omit<SendResult, 'durationMs'> {
  return { status: null, failure, retryAfterMs: null };
}
