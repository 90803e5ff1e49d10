/**
 * Tokenizer: what the HSM and the vault answer, after the time they take.
 *
 * @module
 */

import { cardBrand, maskPan } from '../../src/domain/card.ts';
import type { Tokenizer } from '../../src/hsm/hsm.ts';
import type { Thread } from './host.ts';
import type { World } from './world.ts';

const SEAL_MS = [0.5, 4] as const;

/** The vault as a thread reaches it. The same name on a card stands for the same card. */
export function createTokenizer(world: World, thread: Thread): Pick<Tokenizer, 'tokenize'> {
  let sealed = 0;
  return {
    tokenize: ({ pan, expiryMonth, expiryYear, cardholderName }) =>
      new Promise((resolve) => {
        const refused = world.happens(world.faults.vaultRefuses);
        const masked = maskPan(pan);
        const fingerprint = Buffer.from(cardholderName).toString('hex').padStart(32, '0');
        const card = {
          token: `tok_${String(++sealed).padStart(34, '0')}`,
          fingerprint,
          brand: cardBrand(pan),
          masked,
          expiryMonth,
          expiryYear,
          bin: masked.slice(0, 6),
          last4: masked.slice(-4),
        };
        thread.enterAfter(world.between(SEAL_MS), () =>
          resolve(refused ? { refused: 'hsm_unavailable', detail: 'the token does not answer' } : card),
        );
      }),
  };
}
