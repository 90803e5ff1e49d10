/**
 * Tokenizer bench: cards per second by cards in flight and CPU µs of this process per card, the medians of three rounds.
 *
 * SoftHSM in a folder of its own (or `MODULE=software`), pages kept in memory, or in PostgreSQL when DATABASE_URL
 * names a database with the vault's tables. Run: `node bench/tokenizer.bench.ts`.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HsmOptions, Tokenizer } from '../src/hsm/hsm.ts';
import { ensureSoftHsmTokens } from '../src/hsm/soft-hsm-tokens.ts';
import { MemoryVault } from '../src/hsm/testing/memory-vault.ts';
import { createTokenizer } from '../src/hsm/tokenizer.ts';
import { createVaultStore } from '../src/storage/postgres/vault.ts';

const ROUND_MS = 2_000;
const ROUNDS = 3;
const IN_FLIGHT = [1, 8, 64, 256];

const { MODULE: module = '/usr/lib/softhsm/libsofthsm2.so', DATABASE_URL: databaseUrl } = process.env;
const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
try {
  process.stdout.write(`${cpus().length} x ${cpus()[0]?.model}, node ${process.version}, module ${module}, `);
  process.stdout.write(`pages in ${databaseUrl === undefined ? 'memory' : 'PostgreSQL'}, ${ROUNDS} rounds\n`);
  for (const pageCardsMax of [64, 1]) await measure(await hsmOptions(pageCardsMax));
} finally {
  await rm(directory, { recursive: true, force: true });
}

async function hsmOptions(pageCardsMax: number): Promise<HsmOptions> {
  const common = { module, tokenLabel: 'vault', threads: 1, pageCardsMax, callTimeoutMs: 10_000 };
  if (module === 'software') return { ...common, pinFile: join(directory, 'software') };
  const { confFile, pinFiles } = await ensureSoftHsmTokens({ module, directory });
  process.env.SOFTHSM2_CONF = confFile;
  return { ...common, pinFile: pinFiles.vault };
}

async function measure(options: HsmOptions): Promise<void> {
  for (const inFlight of IN_FLIGHT) {
    const rates: number[] = [];
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      // A vault a round: pages in memory would otherwise pile up.
      const vault = databaseUrl === undefined ? new MemoryVault() : createVaultStore(databaseUrl);
      const tokenizer = await createTokenizer(options, vault);
      const before = process.cpuUsage();
      const { perSecond, cards } = await tokenizeCards(tokenizer, inFlight);
      const { user, system } = process.cpuUsage(before);
      rates.push(perSecond);
      costs.push((user + system) / cards);
      await tokenizer.close();
      await vault.close();
    }
    process.stdout.write(
      `${options.pageCardsMax} a page, ${inFlight} in flight: ${Math.round(medianOf(rates))} cards/s (${rates.map(Math.round).join(', ')}), ${medianOf(costs).toFixed(1)} µs CPU a card\n`,
    );
  }
}

/** Sorts them. */
function medianOf(rounds: number[]): number {
  return rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!;
}

async function tokenizeCards(
  tokenizer: Tokenizer,
  inFlight: number,
): Promise<{ perSecond: number; cards: number }> {
  const startMs = monotonicMs();
  let cards = 0;
  const shopper = async (): Promise<void> => {
    while (monotonicMs() - startMs < ROUND_MS) {
      const answer = await tokenizer.tokenize(testCard(), monotonicMs() + 10_000);
      if ('refused' in answer) throw new Error(`${answer.refused}: ${answer.detail}`);
      cards++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, shopper));
  return { perSecond: (cards * 1000) / (monotonicMs() - startMs), cards };
}

function testCard() {
  const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
  const pan = ascii('4111111111111111');
  return { pan, expiryMonth: 12, expiryYear: 2030, cvv: ascii('123'), cardholderName: ascii('Asha Rao') };
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
