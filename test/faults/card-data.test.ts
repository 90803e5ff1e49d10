/**
 * Card numbers are in the vault and nowhere else: every stored token opens in a fresh process, and no file of data, WAL,
 * logs or dumps holds a paid card in any encoding, whichever processor it was charged at; nor a card's code or a one-time password.
 *
 * The scan is proved first: canary cards are planted in each place, in each encoding, and must be found.
 *
 * @module
 */

import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodingsOf, filesBelow, findCards, findWords } from '../support/card-scan.ts';
import { query } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { seededRandom } from '../support/random.ts';
import { bookOf, cardFields, createShop, type Shop } from '../support/shop.ts';
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

/** Card numbers of a test range that occur nowhere by chance: made at run time, never written into the tree. */
function canaries(count: number, random: () => number, range = '411111'): string[] {
  return Array.from({ length: count }, () => {
    const body = range + Array.from({ length: 15 - range.length }, () => Math.floor(random() * 10)).join('');
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

/** A code of three digits stands everywhere by chance: it is looked for behind the names it has in the dialects and in our own form. */
const CVV = '907';
const CVV_IN_WORDS = /(?:cvv|cvc|ccvv|security.?code)(?:\W|%5D|%22|\\u0022){1,12}907(?!\d)/i;
/** Of ten digits, the most there may be. */
const PASSWORD = '7306192845';

/** The banks' ranges: paid at once, asked for by a page, refused, answered with an error though it is charged. */
const RANGES = {
  RAZORPAY: ['411111', '41002881', '41002885', '41002897'],
  PAYU: ['411111', '40000081', '40000088', '40000097'],
  STRIPE: ['411111', '40000081', '40000090', '40000097'],
} as const;
/** Razorpay has a password typed on our page. */
const ASKS_FOR_PASSWORD = '41002884';

async function dialectShop(processor: keyof typeof RANGES): Promise<Shop> {
  const merchantId = `m_cards_${processor.toLowerCase()}`;
  const key = await world.addMerchant(merchantId, { processor });
  return createShop(world, gateway, key, merchantId);
}

async function payWith(own: Shop, card: string): Promise<{ transactionId: string; sessionId: string }> {
  const { sessionId } = await own.session(await own.intent());
  const paid = await own.pay(sessionId, card, { cvv: CVV });
  expect(paid.status).toBe(202);
  return { transactionId: paid.body.transactionId, sessionId };
}

test.each(['RAZORPAY', 'PAYU', 'STRIPE'] as const)(
  '%s: whatever becomes of a charge, neither card nor code is left in any file, the bank’s neither',
  async (processor) => {
    const random = seededRandom(SEED + processor.length);
    const own = await dialectShop(processor);
    const cards = RANGES[processor].flatMap((range) => canaries(1, random, range));
    const paid: string[] = [];
    for (const card of cards) paid.push((await payWith(own, card)).transactionId);
    const [atOnce, _, refused, error] = paid as [string, string, string, string];
    await own.becomes(atOnce, 'SUCCESS');
    await own.becomes(error, 'SUCCESS');
    await own.becomes(refused, 'FAILED');
    const lines = await eventually(async () => {
      const booked = await Promise.all(paid.map((reference) => bookOf(world, reference)));
      expect(booked.every(({ length }) => length > 0)).toBe(true);
      return JSON.stringify(booked);
    });
    expect(cards.filter((card) => lines.includes(card))).toEqual([]);
    await expectNothingLeft(cards);
  },
  120_000,
);

test('a one-time password that was typed on our page is in no file', async () => {
  const own = await dialectShop('RAZORPAY');
  const [card] = canaries(1, seededRandom(SEED + 1), ASKS_FOR_PASSWORD) as [string];
  const { transactionId, sessionId } = await payWith(own, card);
  const result = `${gateway.checkoutUrl}/checkout/result?transaction=${transactionId}&session=${sessionId}`;
  await eventually(async () => expect(await (await fetch(result)).text()).toContain('name="otp"'));
  const typed = await fetch(`${gateway.checkoutUrl}/checkout/otp`, {
    method: 'POST',
    redirect: 'manual',
    headers: { origin: gateway.checkoutUrl },
    body: new URLSearchParams({ transaction: transactionId, session: sessionId, otp: PASSWORD }),
  });
  expect(typed.status).toBe(303);
  await own.becomes(transactionId, 'SUCCESS');
  await expectNothingLeft([card, PASSWORD]);
}, 120_000);

async function expectNothingLeft(digits: readonly string[]): Promise<void> {
  await dumpAll(join(world.folder, 'dump'));
  await settleOnDisk();
  const files = scannedFiles();
  expect(findCards(files, digits)).toEqual([]);
  expect(findWords(files, CVV_IN_WORDS)).toEqual([]);
}

test.each([
  `{"card":{"cvv":"${CVV}"}}`,
  `ccnum=4&ccvv=${CVV}&x=1`,
  `payment_method_data[card][cvc]=${CVV}`,
  `payment_method_data%5Bcard%5D%5Bcvc%5D=${CVV}`,
  `{\\"cvv\\":\\"${CVV}\\"}`,
])('a code would be found as %s', (planted) => {
  const file = join(world.folder, 'planted-code.txt');
  writeFileSync(file, planted);
  expect(findWords([file], CVV_IN_WORDS)).toEqual([file]);
  rmSync(file);
});

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
  // Thrice: one that stands across the end of a page of the WAL is not found in it.
  for (const canary of [...bytes, ...bytes, ...bytes])
    await query(shard, 'insert into planted values ($1)', [canary]);
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
