/**
 * Webhook endpoints: makes one for each merchant of a run at the gateway's API, and takes them away when the run is over.
 *
 * @module
 */

import { createSluice } from '../clients/typescript/sluice.ts';
import { ENDPOINT_PATH, type WebhookReceiver } from './webhook-receiver.ts';
import type { Merchant } from './wire.ts';

/** Requests at once. */
const IN_FLIGHT = 16;

export interface RegisteredEndpoints {
  remove(): Promise<void>;
}

/**
 * Makes the endpoints; those that a dead run left go first.
 * @throws SluiceError with the gateway's refusal, for example that it delivers to no private address
 */
export async function registerEndpoints(
  apiUrl: string,
  merchants: readonly Merchant[],
  receiver: WebhookReceiver,
): Promise<RegisteredEndpoints> {
  const made: Array<() => Promise<void>> = [];
  const remove = (): Promise<void> => eachOf(made, (undo) => undo());
  const register = async (merchant: Merchant, place: number): Promise<void> => {
    const { webhookEndpoints } = createSluice({ apiUrl, ...merchant });
    const { endpoints } = await webhookEndpoints.list();
    for (const { endpointId, url } of endpoints) {
      if (new URL(url).pathname.startsWith(ENDPOINT_PATH)) await webhookEndpoints.remove(endpointId);
    }
    const { endpointId, secret } = await webhookEndpoints.create({ url: receiver.urlOf(place) });
    receiver.setSecret(place, secret);
    made.push(() => webhookEndpoints.remove(endpointId));
  };
  try {
    await eachOf(merchants, register);
  } catch (error) {
    await remove();
    throw error;
  }
  return { remove };
}

async function eachOf<Item>(
  items: readonly Item[],
  act: (item: Item, place: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const place = next++;
      await act(items[place]!, place);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}
