/**
 * Exchanges: a fetch that notes what was asked and answered, for the story of an order.
 *
 * The Authorization header is not noted, and nothing but JSON is.
 * @module
 */
import { parseJson } from '../json.ts';
import type { Exchange } from './order.ts';

/** A fetch, and the list it fills; tries that got no answer are in it too. */
export interface NotingFetch {
  readonly fetch: typeof fetch;
  readonly exchanges: Exchange[];
}

export function createNotingFetch(): NotingFetch {
  const exchanges: Exchange[] = [];
  async function notingFetch(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
    const request = new Request(input, init);
    const asked = {
      method: request.method,
      path: new URL(request.url).pathname,
      idempotencyKey: request.headers.get('idempotency-key'),
      request: parseJson(typeof init?.body === 'string' ? init.body : '') ?? null,
    };
    const startedAt = performance.now();
    const durationMs = () => Math.round(performance.now() - startedAt);
    try {
      const response = await fetch(input, init);
      const text = await response.clone().text();
      const requestId = response.headers.get('x-request-id');
      exchanges.push({
        ...asked,
        status: response.status,
        answer: parseJson(text) ?? null,
        requestId,
        durationMs: durationMs(),
      });
      return response;
    } catch (error) {
      exchanges.push({ ...asked, status: null, answer: null, requestId: null, durationMs: durationMs() });
      throw error;
    }
  }
  return { fetch: notingFetch, exchanges };
}
