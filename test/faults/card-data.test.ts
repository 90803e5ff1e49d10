/**
 * Card numbers are in the vault and nowhere else: every stored token opens in a fresh process, and no file of data, WAL,
 * logs or dumps holds a paid card in any encoding.
 *
 * The scan is proved first: canary cards are planted in each place, in each encoding, and must be found.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodingsOf, filesBelow, findCards } from '../support/card-scan.ts';
import { query } from '../support/databases.ts';
import { seededRandom } from '../support/random.ts';
import { cardFields, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

let world: World;
let gateway: Gateway;
let shop: Shop;

beforeAll(async () => {
  console.log(`canary cards: seed ${SEED}`);
  world = await startWorld();
  gateway = await world.startGateway();
  shop = createShop(world, gateway);
});
afterAll(() => world?.stop());

/** Card numbers of the test range 411111 that occur nowhere by chance: made at run time, never written into the tree. */
function canaries(count: number, random: () => number): string[] {
  return Array.from({ length: count }, () => {
    const body = `411111${Array.from({ length: 9 }, () => Math.floor(random() * 10)).join('')}`;
    return body + luhnDigit(body);
  });
}

function luhnDigit(body: string): string {
  const sum = [...body].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return String((10 - (sum % 10)) % 10);
}

/** Every table of every database as text, and as PostgreSQL's own COPY writes it. */
async function dumpAll(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const { control, vault, shards } = world.cluster.owner;
  for (const [i, url] of [control, vault, ...shards].entries()) {
    const tables = await query<{ name: string }>(
      url,
      "select quote_ident(relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    );
    for (const { name } of tables) {
      const rows = await query(url, `select t::text as row, to_json(t)::text as json from ${name} t`);
      writeFileSync(
        join(folder, `${i}-${name.replaceAll('"', '')}.txt`),
        rows.map((row) => Object.values(row).join('\n')).join('\n'),
      );
    }
  }
}

/** What an intruder would find: data, WAL and server log, the processes' logs, the bank's folder, dumps. */
function scannedFiles(): string[] {
  return [...filesBelow(world.cluster.folder), ...filesBelow(world.folder)];
}

async function settleOnDisk(): Promise<void> {
  await query(world.cluster.postgres.adminUrl('postgres'), 'checkpoint');
}

test('every stored token opens in a fresh process; paid cards are in no file; planted ones are found in each place', async () => {
  const random = seededRandom(SEED);
  const cards = canaries(8, random);
  const [planted] = canaries(1, random);
  const tokens: Array<[string, string]> = [];
  for (const card of cards) {
    const { transactionId } = await shop.buy(card);
    const { body } = await shop.becomes(transactionId, 'SUCCESS');
    tokens.push([body.card.token, card]);
  }
  await misuse(cards);

  expect(await openInFreshProcess(tokens)).toEqual({ opened: cards.length, equal: cards.length });

  const places = await plant(planted!);
  await dumpAll(join(world.folder, 'dump'));
  await settleOnDisk();
  const found = findCards(scannedFiles(), [planted!]);
  for (const [place, pattern] of places) {
    for (const encoding of encodingsOf(planted!).keys()) {
      const here = found.filter((one) => one.startsWith(`${encoding} in `) && pattern.test(one));
      expect(here.length, `${encoding} planted in ${place}`).toBeGreaterThan(0);
    }
  }
  expect(findCards(scannedFiles(), cards)).toEqual([]);
}, 120_000);

/** Cards where they do not belong: what is refused must not be kept either. */
async function misuse(cards: readonly string[]): Promise<void> {
  const [a, b, c, d] = cards as [string, string, string, string];
  await fetch(`${gateway.checkoutUrl}/internal/payment/process?cardNumber=${a}`, {
    method: 'POST',
    body: `{"cardNumber":"${b}"`,
    headers: { 'content-type': 'application/json' },
  });
  await shop.pay(c, c);
  await shop.pay('sess_00000000000000000000000000000000', d, { unknownField: d, expiryMonth: '99' });
  await fetch(`${gateway.checkoutUrl}/checkout?session=${a}`);
  await shop.get(`/v1/payment/transaction/txn_${b}`);
  await fetch(`${gateway.apiUrl}/v1/payment/${c}`, { headers: { authorization: `Bearer ${d}` } });
  await fetch(`${gateway.checkoutUrl}/internal/payment/process`, {
    method: 'POST',
    body: new URLSearchParams(cardFields(a)),
    headers: { origin: `https://${b}.example` },
  });
}

/** Puts the canary into each place in each encoding; tells by which pattern of file names each place is known. */
async function plant(pan: string): Promise<Map<string, RegExp>> {
  const bytes = [...encodingsOf(pan).values()];
  const [shard] = world.cluster.owner.shards as [string];
  await query(shard, 'create table planted (canary bytea not null)');
  for (const canary of bytes) await query(shard, 'insert into planted values ($1)', [canary]);
  const serverLog = filesBelow(world.cluster.folder).find((file) => file.includes('/log/'))!;
  const gatewayLog = filesBelow(world.folder).find((file) => /gateway-\d+\.log$/.test(file))!;
  for (const log of [serverLog, gatewayLog]) {
    const before = readFileSync(log).length;
    for (const canary of bytes) appendFileSync(log, Buffer.concat([canary, Buffer.from('\n')]));
    expect(readFileSync(log).length).toBeGreaterThan(before);
  }
  const dump = join(world.folder, 'dump');
  mkdirSync(dump, { recursive: true });
  writeFileSync(
    join(dump, 'planted.bin'),
    Buffer.concat(bytes.flatMap((canary) => [canary, Buffer.from('\n')])),
  );
  return new Map([
    ['a table', /\/base\/\d+\/\d+$/],
    ['the WAL', /\/pg_wal\/[0-9A-F]{24}$/],
    ['the server log', new RegExp(serverLog.replaceAll('.', '\\.'))],
    ['the gateway log', /gateway-\d+\.log$/],
    ['a dump', /\/dump\//],
  ]);
}

async function openInFreshProcess(tokens: ReadonlyArray<readonly [string, string]>): Promise<unknown> {
  const entry = join(import.meta.dirname, '../support/open-tokens.ts');
  const child = spawn(process.execPath, [entry], {
    env: { ...process.env, ...world.hsmEnv, SLUICE_VAULT_DATABASE_URL: world.cluster.services.vault },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(tokens));
  return JSON.parse(await text(child.stdout));
}
