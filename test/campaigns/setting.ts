/**
 * Setting: what campaigns have in common before the trouble begins. A world of their own, and gateways with short times in it.
 *
 * @module
 */

import { startWorld, type World, type WorldOptions } from '../support/world.ts';
import type { CampaignReport } from './campaign.ts';

/** How long after commit B a charge may be sent, with {@link SHORT_TIMES}. */
export const SEND_BEFORE_MS = 3000;
/** A bank that is silent for longer has told nothing, with {@link SHORT_TIMES}. */
export const PROCESSOR_TIMEOUT_MS = 2000;

/** Settings of a gateway whose recovery concludes within some ten seconds. */
export const SHORT_TIMES = {
  SLUICE_SEND_BEFORE_SECONDS: String(SEND_BEFORE_MS / 1000),
  SLUICE_NOT_FOUND_PROOF_SECONDS: '2',
  SLUICE_PROCESSOR_TIMEOUT_MS: String(PROCESSOR_TIMEOUT_MS),
};

/** Makes the trials in a world that is gone afterwards. */
export async function inWorld(
  options: WorldOptions,
  make: (world: World) => Promise<CampaignReport>,
): Promise<CampaignReport> {
  const world = await startWorld(options);
  try {
    return await make(world);
  } finally {
    await world.stop();
  }
}

/** Opens the second bank, and a merchant whose charges go on to it where the first provably cannot have charged. */
export async function addMerchantOfTwoBanks(
  world: World,
): Promise<{ merchantId: string; secretKey: string }> {
  await world.startBankB();
  const merchantId = 'merchant_two_banks';
  return { merchantId, secretKey: await world.addMerchant(merchantId, { fallback: true }) };
}
