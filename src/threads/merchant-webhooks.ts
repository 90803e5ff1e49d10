/**
 * Merchant webhooks: what the merchants' API needs to keep endpoints, show deliveries and send a test.
 *
 * @module
 */

import { isIP } from 'node:net';
import { LIMITS } from '../config/limits.ts';
import { HsmError } from '../hsm/keyring.ts';
import type { WebhookDeliveriesDeps } from '../http/endpoints/webhook-deliveries.ts';
import type { WebhookEndpointsDeps } from '../http/endpoints/webhook-endpoints.ts';
import { WEBHOOK_CHANGE_RATE } from '../http/rate-limit.ts';
import { randomBytes } from '../runtime/random.ts';
import { newWebhookSecret } from '../setup/merchant.ts';
import { type ControlReader, ControlUnavailable } from '../storage/control.ts';
import { createWebhookEndpointStore } from '../storage/postgres/webhook-endpoints.ts';
import { createWebhookLog } from '../storage/postgres/webhook-log.ts';
import { databaseOf } from '../storage/shard-map.ts';
import { StorageError } from '../storage/storage.ts';
import { ENDPOINTS_MAX, endpointContext } from '../storage/webhook-endpoints.ts';
import { type AddressRule, checkWebhookUrl, isAllowedAddress } from '../webhooks/address.ts';
import { testMessage } from '../webhooks/message.ts';
import { createResolve } from '../webhooks/resolve.ts';
import { createWebhookSender } from '../webhooks/send.ts';
import type { Accounts } from './accounts.ts';
import type { GatewayThread } from './gateway.ts';
import type { OpenRateLimit } from './rate-limits.ts';

export interface MerchantWebhooks {
  deps: Omit<WebhookEndpointsDeps & WebhookDeliveriesDeps, 'gate' | 'bodyLimitBytes'>;
  /** Ends the test sends under way: a stranger's server is not to hold up a stop. */
  endTests(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the store, one log per shard database, and a sender for tests. They connect when they are needed. */
export function openMerchantWebhooks(
  guest: GatewayThread,
  control: ControlReader,
  { secrets, endpointSecrets }: Accounts,
  openRateLimit: OpenRateLimit,
): MerchantWebhooks {
  const { databases, allowPrivateWebhooks } = guest.options.options;
  const rule = { allowPrivate: allowPrivateWebhooks };
  const onLost = (error: Error): void =>
    guest.log('warn', 'webhook_connection_lost', { errorMessage: error.message });
  const store = createWebhookEndpointStore(databases.control, onLost);
  const logs = databases.shards.map((url) => createWebhookLog(url, { onLost }));
  const sender = createWebhookSender({ ...rule, now: Date.now, monotonicMs: () => performance.now() });

  return {
    deps: {
      changeRate: openRateLimit('webhook-change', {
        ...WEBHOOK_CHANGE_RATE,
        namesMax: LIMITS.merchantsCachedMax,
      }),
      store,
      logs,
      texts: {
        seal: (text, context) => secrets.seal(Buffer.from(text), context),
        open: async (sealed, context) => Buffer.from(await secrets.open(sealed, context)).toString(),
      },
      randomBytes,
      newSecret: newWebhookSecret,
      secretContext: endpointContext,
      endpointsMax: ENDPOINTS_MAX,
      checkUrl: createUrlCheck(rule),
      async placement() {
        const ranges = await control.shardMap();
        return (shard) => databaseOf(ranges, shard);
      },
      async sendTest(endpoint) {
        const { endpointId, merchantId, url } = endpoint;
        const now = Date.now();
        const message = testMessage(randomBytes(16).toString('hex'), merchantId, endpointId, now);
        const sent = await sender.send(url, message, await endpointSecrets(endpoint, now));
        const { status, failure, durationMs } = sent;
        return { delivered: failure === null, status, failure, durationMs };
      },
      isOutage: (error) =>
        error instanceof ControlUnavailable || error instanceof StorageError || error instanceof HsmError,
      onOutage: (error) => guest.log('error', 'webhook_api_outage', { errorMessage: String(error) }),
    },
    endTests: sender.close,
    async close() {
      await Promise.all([store.close(), sender.close(), ...logs.map((log) => log.close())]);
    },
  };
}

/** The rule of every delivery, asked once at registration too, so that a merchant learns of a mistake while it looks. */
function createUrlCheck(rule: AddressRule): WebhookEndpointsDeps['checkUrl'] {
  const resolve = createResolve(rule);
  return async (text) => {
    const verdict = checkWebhookUrl(text, rule);
    if (!verdict.ok) return verdict.reason;
    const { hostname } = verdict.url;
    if (rule.allowPrivate || isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0) return null;
    try {
      const addresses = await resolve(hostname);
      return addresses.every((address) => isAllowedAddress(address, rule))
        ? null
        : 'must not lead to an address of a private network';
    } catch {
      // Whoever could not be asked: the merchant is to try again, or to mend the name.
      return 'must have a host whose address can be found';
    }
  };
}
