/**
 * Once: the idempotency keys of requests about webhook endpoints. The answer is kept, sealed, with the change it tells of.
 *
 * @module
 */

import { hash } from 'node:crypto';
import { refusal } from '../domain/outcomes.ts';
import type {
  EndpointWrite,
  KeyedAnswer,
  StoredAnswer,
  WebhookEndpointStore,
} from '../storage/webhook-endpoints.ts';
import { problem } from './problem.ts';
import { type HttpRequest, type HttpResponse, jsonText } from './routes.ts';

/** Seals what must not be read from the database. All reject when the HSM cannot be reached. */
export interface SealedTexts {
  seal(text: string, context: string): Promise<Uint8Array>;
  open(sealed: Uint8Array, context: string): Promise<string>;
}

/** One request that is answered once. */
export interface Once {
  /** The answer of an earlier request with this key, or the refusal of another body under it; null when it is the first. */
  earlier(): Promise<HttpResponse | null>;
  /** What is committed with the change, so that a repetition meets `answer`; null without a key. */
  keyed(answer: string): Promise<KeyedAnswer | null>;
  /** What to say when a write found the key taken meanwhile; null when it did not. */
  takenBy(write: EndpointWrite): Promise<HttpResponse | null>;
}

/**
 * Reads a request's key as part of its method and path.
 * @param key null when none came
 * @param status of the answer
 */
export function createOnce(
  deps: { store: WebhookEndpointStore; texts: SealedTexts },
  request: HttpRequest,
  { merchantId, key, status }: { merchantId: string; key: string | null; status: number },
): Once {
  const { store, texts } = deps;
  const endpoint = `${request.method} ${request.path}`;
  const bodyHash = hash('sha256', request.body, 'hex');
  const context = `api_idempotency_keys/${JSON.stringify([merchantId, endpoint, key])}`;

  async function replay(stored: StoredAnswer): Promise<HttpResponse> {
    if (stored.bodyHash !== bodyHash) {
      return problem(refusal('idempotency_key_reused', 'Use a new key for another request.'));
    }
    const answer = await texts.open(stored.sealedAnswer, context);
    return jsonText(status, answer, { 'Idempotency-Replayed': 'true' });
  }

  return {
    async earlier() {
      if (key === null) return null;
      const stored = await store.answered({ merchantId, endpoint, key });
      return stored === undefined ? null : replay(stored);
    },
    async keyed(answer) {
      if (key === null) return null;
      const sealedAnswer = await texts.seal(answer, context);
      return { merchantId, endpoint, key, bodyHash, sealedAnswer, createdAt: request.now };
    },
    takenBy: async (write) => (write.outcome === 'answered' ? replay(write.stored) : null),
  };
}
