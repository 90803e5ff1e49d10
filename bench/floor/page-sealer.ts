/**
 * Page sealer: the cards that wait become pages of up to 64, each sealed by one call of the HSM and committed before a token of it is used.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import type { Seal } from '../rival/vault-key.ts';
import type { Add } from './group-commit.ts';
import { createPace } from './pace.ts';
import type { PageRow } from './statements.ts';

const PAGE_CARDS_MAX = 64;

/** Told the token, or null when the page was not committed. */
export type Sealed = (token: string | null) => void;

/** Seals one card: its text as it is to be kept. */
export type SealCard = (card: string, sealed: Sealed) => void;

export function createPageSealer(paceMs: number, seal: Seal, addPage: Add<PageRow>): SealCard {
  let cards: string[] = [];
  let waiting: Sealed[] = [];
  const wake = createPace(paceMs, async () => {
    const [pageCards, pageWaiting] = [cards, waiting];
    [cards, waiting] = [[], []];
    const pages: Promise<void>[] = [];
    for (let at = 0; at < pageCards.length; at += PAGE_CARDS_MAX) {
      pages.push(
        sealPage(pageCards.slice(at, at + PAGE_CARDS_MAX), pageWaiting.slice(at, at + PAGE_CARDS_MAX)),
      );
    }
    await Promise.all(pages);
    return cards.length > 0;
  });

  function sealPage(page: readonly string[], sealed: readonly Sealed[]): Promise<void> {
    const pageId = randomUUID().replaceAll('-', '');
    const row = { pageId, cards: page.length, sealed: seal(Buffer.from(page.join('\n'))) };
    return new Promise((resolve) => {
      addPage(row, (outcome) => {
        sealed.forEach((told, slot) => {
          told(outcome === 'failed' ? null : `tok_${pageId}${slot.toString(16).padStart(2, '0')}`);
        });
        resolve();
      });
    });
  }

  return (card, sealed) => {
    cards.push(card);
    waiting.push(sealed);
    wake();
  };
}
