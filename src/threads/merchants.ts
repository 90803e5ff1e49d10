/**
 * Merchants: how every thread reads the control database, and how the listeners admit a merchant's request.
 *
 * @module
 */

import { LIMITS } from '../config/limits.ts';
import type { Gate } from '../http/admit.ts';
import { createAuthenticate } from '../http/authenticate.ts';
import { MERCHANT_RATE_DEFAULT } from '../http/rate-limit.ts';
import type { ControlReader } from '../storage/control.ts';
import { createControlReader } from '../storage/postgres/control-reader.ts';
import type { GatewayThread } from './gateway.ts';
import type { OpenRateLimit } from './rate-limits.ts';

/** This thread's cached reads of the control database. */
export function openControl(guest: GatewayThread): ControlReader {
  return createControlReader({
    connectionString: guest.options.options.databases.control,
    onLost: (error) => guest.log('warn', 'control_connection_lost', { errorMessage: error.message }),
  });
}

/** Whose request it is, and whether the merchant may make one more. */
export function merchantGate(
  guest: GatewayThread,
  control: ControlReader,
  openRateLimit: OpenRateLimit,
): Gate {
  const { mode, rateLimits } = guest.options.options;
  return {
    authenticate: createAuthenticate({
      mode,
      merchantByKeyDigest: control.merchantByKeyDigest,
      onLookupFailed: (error) => guest.log('error', 'api_key_lookup_failed', { errorMessage: String(error) }),
    }),
    rateLimit: openRateLimit('merchant', {
      ...(rateLimits.merchant ?? MERCHANT_RATE_DEFAULT),
      namesMax: LIMITS.merchantsCachedMax,
    }),
  };
}
