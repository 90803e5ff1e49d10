/**
 * Weather: what befalls both banks as a whole while payments go on. One is away (connections are cut, new ones refused), both
 * are, or one answers nothing for a while; in between all is well.
 *
 * @module
 */

import { pause } from '../support/eventually.ts';
import { shuffled } from '../support/random.ts';
import type { World } from '../support/world.ts';
import { letWait, sendAway } from './bank-operator.ts';

export type BankName = 'A' | 'B';

/** When a bank was away or hung, milliseconds since 1970. */
export interface Spell {
  bank: BankName;
  what: 'away' | 'hangs';
  from: number;
  to: number;
}

export interface Weather {
  /** Those that have passed. */
  readonly spells: readonly Spell[];
  /** Resolves when the spell of the moment has passed and all is well for good. */
  clear(): Promise<void>;
}

/** Breakers open while a bank is away, and close only some time after. */
const WELL_MS: Range = [5000, 9000];
/** Before the first bank is away for the first time, so that also a short run sees it. */
const FIRST_WELL_MS: Range = [1500, 3000];
const AWAY_MS: Range = [2500, 4500];
const HANGS_MS: Range = [2500, 5000];
/** Beyond the gateway's patience with a bank. */
const SILENCE_MS = 4000;

type Range = readonly [number, number];
type Kind = Pick<Spell, 'bank' | 'what'>;

/** What happens in a round; each round has an order of its own. */
const ROUND: readonly (readonly Kind[])[] = [
  [{ bank: 'A', what: 'away' }],
  [{ bank: 'A', what: 'away' }],
  [{ bank: 'B', what: 'away' }],
  [
    { bank: 'A', what: 'away' },
    { bank: 'B', what: 'away' },
  ],
  [{ bank: 'A', what: 'hangs' }],
  [{ bank: 'B', what: 'hangs' }],
];

/** Lets the weather change from now on. A failure of it is met by `clear`. */
export function startWeather(world: World, random: () => number): Weather {
  const spells: Spell[] = [];
  let over = false;

  async function pass({ bank, what }: Kind): Promise<void> {
    const url = bank === 'A' ? world.bankUrl : world.bankBUrl;
    const from = Date.now();
    if (what === 'away') await sendAway(url, within(AWAY_MS, random));
    else {
      await letWait(url, SILENCE_MS);
      await pause(within(HANGS_MS, random));
      await letWait(url, 0);
    }
    spells.push({ bank, what, from, to: Date.now() });
  }

  async function change(): Promise<void> {
    await pause(within(FIRST_WELL_MS, random));
    await pass({ bank: 'A', what: 'away' });
    while (!over) {
      for (const kinds of shuffled(ROUND, random)) {
        if (over) return;
        await pause(within(WELL_MS, random));
        await Promise.all(kinds.map(pass));
      }
    }
  }

  const changing = change();
  changing.catch(() => undefined);
  return {
    spells,
    async clear() {
      over = true;
      await changing;
    },
  };
}

function within([least, most]: Range, random: () => number): number {
  return Math.round(least + random() * (most - least));
}
