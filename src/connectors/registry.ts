/**
 * Registry: one line per processor. What needs a card is in `charges.ts`, how an account is read in `accounts.ts`.
 *
 * @module
 */

import type { StartOptions } from '../config/options.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { Connector, RoomConfig } from './connector.ts';
import { PLACEHOLDERS as PAYU_PLACEHOLDERS, type PayuConfig } from './payu/config.ts';
import { createPayu } from './payu/index.ts';
import { PLACEHOLDERS as RAZORPAY_PLACEHOLDERS, type RazorpayConfig } from './razorpay/config.ts';
import { createRazorpay } from './razorpay/index.ts';
import type { SandboxConfig } from './sandbox/config.ts';
import { createSandbox } from './sandbox/index.ts';
import type { StripeConfig } from './stripe/config.ts';
import { createStripe } from './stripe/index.ts';

/** The banks in a box this version speaks with in their own dialect. */
export const SANDBOXES = ['SANDBOX', 'SANDBOX_B'] as const;

/** Every processor this version speaks with. */
export function connectors(options: StartOptions): Connector[] {
  return [
    ...SANDBOXES.map((name) => createSandbox(sandboxConfig(options, name))),
    createRazorpay(razorpayConfig(options)),
    createPayu(payuConfig(options)),
    createStripe(stripeConfig(options)),
  ];
}

/** What every room is told of the options. */
export function roomConfig({ payment, processors }: StartOptions, name: ProcessorName): RoomConfig {
  return {
    baseUrl: processors[name].baseUrl,
    connectTimeoutMs: payment.processorConnectTimeoutMs,
    // Twice what one account may have under way: one that hangs leaves room for the others.
    connectionsMax: 2 * payment.processorInFlightMax,
    timeoutMs: payment.processorTimeoutMs,
    notFoundProofMs: payment.notFoundProofSeconds * 1000,
    ambiguousFailureMs: payment.ambiguousFailureSeconds * 1000,
  };
}

/** A sandbox room's part of the options. */
export function sandboxConfig(options: StartOptions, name: (typeof SANDBOXES)[number]): SandboxConfig {
  // The documented test of a refused connection is the first bank's: the second takes over.
  return { ...roomConfig(options, name), name, refusedCards: options.mode === 'test' && name === 'SANDBOX' };
}

/** The Razorpay room's part of the options. */
export function razorpayConfig(options: StartOptions): RazorpayConfig {
  return { ...roomConfig(options, 'RAZORPAY'), shopper: RAZORPAY_PLACEHOLDERS };
}

/** The PayU room's part of the options. */
export function payuConfig(options: StartOptions): PayuConfig {
  return { ...roomConfig(options, 'PAYU'), infoUrl: options.payuInfoUrl, placeholders: PAYU_PLACEHOLDERS };
}

/** The Stripe room's part of the options. */
export function stripeConfig(options: StartOptions): StripeConfig {
  const { version, abandonedSeconds } = options.stripe;
  return { ...roomConfig(options, 'STRIPE'), apiVersion: version, abandonedMs: abandonedSeconds * 1000 };
}
