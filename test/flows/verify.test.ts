/**
 * `sluice verify` on real parts: it finds nothing where there is nothing, also beside a gateway at work, and each rule finds
 * what was done behind the gateway's back in SQL, in the book or in the client log, and only that rule.
 *
 * @module
 */

import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sluice } from '../../src/cli/sluice.ts';
import { type ClientLog, createClientLog } from '../../src/verification/client-log.ts';
import { type Verification, type VerifyRequest, verify } from '../../src/verification/verify.ts';
import { queryShards } from '../support/databases.ts';
import { eventually } from '../support/eventually.ts';
import { CARDS, createShop, type Shop } from '../support/shop.ts';
import { type Gateway, startWorld, type World } from '../support/world.ts';

const SHORT = {
  SLUICE_SEND_BEFORE_SECONDS: '3',
  SLUICE_NOT_FOUND_PROOF_SECONDS: '1',
  SLUICE_PROCESSOR_TIMEOUT_MS: '2000',
};
const UNKNOWN_AFTER_MS = 600_000;
/** Of a name that a line of words would tear. */
const ORDER = { orderId: 'order "1" of 2', amount: 5000, currency: 'INR' };

interface Paid {
  paymentIntentId: string;
  transactionId: string;
}

let world: World;
let gateway: Gateway;
let shop: Shop;
let log: ClientLog;
let logFile: string;
let files = 0;

/** Payments as the tests need them, made through the gateway. */
let paid: Paid;
/** Declined with one card, then paid with another: the ids of both attempts. */
let twice: Paid & { declinedId: string };
/** Declined; another card may be tried. */
let declined: Paid;
/** The bank never got it: closed for good. */
let neverArrived: Paid;
/** The bank works on it for ever. */
let open: Paid;
/** Made and not tried. */
let untried: string;

beforeAll(async () => {
  world = await startWorld();
  gateway = await world.startGateway(SHORT);
  shop = createShop(world, gateway);
  logFile = join(world.folder, 'client.ndjson');
  log = createClientLog(logFile);
  [paid, declined, neverArrived, open] = await Promise.all([
    buy(CARDS.success),
    buy(CARDS.declined),
    buy(CARDS.notChargedHtml502),
    buy(CARDS.processingForEver),
  ]);
  untried = await order();
  const first = await buy(CARDS.insufficientFunds);
  await shown(first.transactionId, 'FAILED');
  const again = await pay(first.paymentIntentId, CARDS.answerLost);
  twice = { ...again, declinedId: first.transactionId };
  await shown(paid.transactionId, 'SUCCESS');
  await shown(declined.transactionId, 'FAILED');
});
afterAll(() => world?.stop());

/** Makes an intent, logged as a client does that may lose its machine. */
async function order(): Promise<string> {
  const n = await log.begin({ do: 'intent', ...ORDER });
  const answer = await shop.post('/v1/payment/intent', { merchantId: world.merchantId, ...ORDER });
  expect(answer.status).toBe(201);
  const { paymentIntentId } = answer.body;
  log.end(n, { outcome: 'ok', paymentIntentId });
  return paymentIntentId;
}

async function pay(paymentIntentId: string, card: string): Promise<Paid> {
  const { sessionId } = await shop.session(paymentIntentId);
  const n = await log.begin({ do: 'pay', paymentIntentId });
  const answer = await shop.pay(sessionId, card);
  expect(answer.status).toBe(202);
  const { transactionId } = answer.body;
  log.end(n, { outcome: 'ok', transactionId });
  return { paymentIntentId, transactionId };
}

async function buy(card: string): Promise<Paid> {
  return await pay(await order(), card);
}

async function shown(transactionId: string, status: 'SUCCESS' | 'FAILED'): Promise<void> {
  await shop.becomes(transactionId, status);
  const n = await log.begin({ do: 'read', transactionId });
  const answer = await shop.transaction(transactionId);
  log.end(n, { outcome: 'ok', status: answer.body.status });
}

/** What of the verification is not as usual; one book stands for all. */
type Over = Partial<Omit<VerifyRequest, 'books'>> & { book?: string };

async function verified({ book = world.bankUrl, ...over }: Over = {}): Promise<Verification> {
  return await verify({
    shardDatabaseUrls: world.cluster.services.shards,
    books: [{ place: book, processors: book.startsWith('http') ? ['SANDBOX'] : null }],
    clientLog: null,
    unknownAfterMs: UNKNOWN_AFTER_MS,
    now: Date.now(),
    ...over,
  });
}

/** What was found, by rule; rules without findings are left out. */
function found({ rules }: Verification): Record<string, readonly string[]> {
  return Object.fromEntries(rules.filter(({ count }) => count > 0).map(({ rule, ids }) => [rule, ids]));
}

function fileOf(text: string): string {
  const path = join(world.folder, `copy-${++files}`);
  writeFileSync(path, text);
  return path;
}

/** The book as it is, but for one change. */
async function bookWith(change: (lines: string[]) => string[]): Promise<string> {
  const text = await (await fetch(`${world.bankUrl}/_bank/charges`)).text();
  return fileOf(change(text.trimEnd().split('\n')).join('\n'));
}

/** The client log with more lines at its end. */
function logWith(...lines: object[]): string {
  return fileOf(
    `${readFileSync(logFile, 'utf8')}${lines.map((line) => `${JSON.stringify(line)}\n`).join('')}`,
  );
}

test('nothing is found beside a gateway at work, while shoppers pay and recovery asks the bank', async () => {
  let over = false;
  const shoppers = [1, 2].map(async () => {
    while (!over) await shown((await buy(CARDS.success)).transactionId, 'SUCCESS');
  });
  const settled = Promise.all([
    shown(twice.transactionId, 'SUCCESS'),
    shown(neverArrived.transactionId, 'FAILED'),
  ]).finally(() => {
    over = true;
  });
  let runs = 0;
  try {
    for (; !over; runs++) expect(found(await verified({ clientLog: logFile }))).toEqual({});
  } finally {
    over = true;
    await Promise.all([settled, ...shoppers]);
  }
  expect(runs).toBeGreaterThan(3);
});

describe('when all is at rest', () => {
  let whole: Verification;

  beforeAll(async () => {
    await gateway.stop();
    await log.close();
    for (const table of TABLES) await queryShards(world, `create table whole_${table} as table ${table}`);
    whole = await verified({ clientLog: logFile });
  });

  test('nothing is found, and everything was looked at', async () => {
    expect(found(whole)).toEqual({});
    expect(whole.remarks).toEqual([]);
    const counts = async (table: string): Promise<number> => {
      const rows = await queryShards<{ count: number }>(world, `select count(*)::int from ${table}`);
      return rows.reduce((sum, { count }) => sum + count, 0);
    };
    const text = readFileSync(logFile, 'utf8');
    const book = await (await fetch(`${world.bankUrl}/_bank/charges`)).text();
    expect(whole.counts).toEqual({
      intents: await counts('payment_intents'),
      attempts: await counts('transactions'),
      attemptsInBook: await counts('transactions'),
      events: await counts('outbox'),
      entries: await counts('ledger_entries'),
      charges: book.split('"effect":"charged"').length - 1,
      acknowledged: text.split(/"outcome":"ok","(?:paymentIntentId|transactionId)"/).length - 1,
    });
    expect(whole.counts.attempts).toBeGreaterThanOrEqual(6);
  });

  test('the command says so, a line for each rule, and exits with 0', async () => {
    const { code, lines } = await command('verify', '--book', world.bankUrl, '--client-log', logFile);
    expect(lines.filter((line) => line.startsWith('ok '))).toHaveLength(whole.rules.length);
    expect(code).toBe(0);
  });

  test('the command tells the ids and exits with 1, also as JSON; what cannot be compared says so', async () => {
    const book = await bookWith((lines) => lines.filter((line) => !line.includes(paid.transactionId)));
    const told = await command('verify', '--book', book);
    expect(told.code).toBe(1);
    expect(told.lines).toContain(`       ${paid.transactionId}`);
    expect(told.lines).toContainEqual(expect.stringMatching(/^FAIL success_without_charge +1 /));
    expect(told.lines).toContainEqual(expect.stringMatching(/^skip acknowledged_absent .*not compared/));
    const asJson = await command('verify', '--book', book, '--json');
    expect(asJson.code).toBe(1);
    expect(found(JSON.parse(asJson.lines.join('\n')))).toEqual({
      success_without_charge: [paid.transactionId],
    });
  });

  test.each([
    [['--no-book', '--unknown-after', 'soon'], '--unknown-after soon is not a number of seconds'],
    [['--no-book', '--since', 'yesterday'], '--since yesterday is not a time'],
    [['--no-book', '--since', '2026-02-31'], '--since 2026-02-31 is not a time'],
    [['--no-book', '--since', '2026-02-31T10:00:00Z'], '--since 2026-02-31T10:00:00Z is not a time'],
    [['--no-book', '--since', '9999-12-31'], '--since 9999-12-31 lies in the future'],
    [['--book', '/nowhere'], '--book /nowhere cannot be read: ENOENT'],
    [['--no-book', '--client-log', '/nowhere'], '--client-log /nowhere cannot be read: ENOENT'],
    [['--book', 'http://bank.example', '--account', ''], '--account is empty'],
    [['--book', '/nowhere', '--no-book'], '--no-book and --book exclude each other'],
    [['--no-book', '--account', 'acct_demo'], '--account is of a book'],
    [['--book', 'STRIPE=/nowhere'], '--book /nowhere cannot be read: ENOENT'],
    [['--json'], "give the processors' books with --book, or say --no-book"],
  ])('the command with %j is misused', async (words, message) => {
    const { code, errors } = await command('verify', ...words);
    expect(errors.join('\n')).toContain(message);
    expect(code).toBe(2);
  });

  test('the command without a book says so for each rule that needs one, and only when it was told to', async () => {
    const { code, lines } = await command('verify', '--no-book', '--since', '2026-01-31T23:30:00-05:00');
    expect(lines).toContainEqual(expect.stringMatching(/^skip success_without_charge .*not compared/));
    expect(lines).toContainEqual(expect.stringMatching(/^ok {3}second_success /));
    expect(code).toBe(0);
  });

  test('the command for an account that nobody has charged says that nothing was compared, and exits with 1', async () => {
    const { code, errors } = await command('verify', '--book', world.bankUrl, '--account', 'acct_typo');
    expect(errors.join('\n')).toContain('--account acct_typo has neither a charge in a book nor an attempt');
    expect(code).toBe(1);
    expect((await command('verify', '--book', world.bankUrl, '--account', 'acct_demo')).code).toBe(0);
  });

  test('a book as CSV, of one account, and without a last newline is the same book', async () => {
    const book = await bookWith((lines) => [
      'reference,status,account,currency,amount',
      ...lines.map((line) => {
        const { reference, status, account, currency, amount } = JSON.parse(line);
        return [reference, status, account, currency, amount].join(',');
      }),
    ]);
    const verification = await verified({ book, account: 'acct_demo' });
    expect(found(verification)).toEqual({});
    expect(verification.counts.charges).toBe(whole.counts.charges);
  });

  test('the book of another account says nothing of our payments', async () => {
    const verification = await verified({ account: 'acct_other' });
    expect(found(verification)).toEqual({});
    expect(verification.counts).toEqual({
      ...whole.counts,
      attemptsInBook: 0,
      charges: 0,
      acknowledged: 0,
    });
  });

  test('the books of two banks are one record, in which each charge knows its bank', async () => {
    const ofB = fileOf('');
    const both = ['verify', '--book', `SANDBOX=${world.bankUrl}`, '--book'];
    expect(await command(...both, `SANDBOX_B=${ofB}`)).toMatchObject({ code: 0 });
    const { lines } = await command(...both, `SANDBOX_B=${fileOf(chargeLine(paid.transactionId))}`, '--json');
    expect(found(JSON.parse(lines.join('\n')))).toEqual({
      second_success: [paid.paymentIntentId],
      account_differs: [paid.transactionId],
    });
    const named = await command('verify', '--book', `SANDBOX_B=${world.bankUrl}`, '--json');
    expect(Object.keys(found(JSON.parse(named.lines.join('\n'))))).toEqual(['account_differs']);
  });

  test('of many findings all are counted and twenty are told', async () => {
    const strangers = Array.from({ length: 25 }, (_, at) => `invoice ${String(at).padStart(2, '0')}`);
    const book = await bookWith((lines) => [...lines, ...strangers.map(chargeLine)]);
    const { rules } = await verified({ book });
    expect(rules.find(({ rule }) => rule === 'charge_without_attempt')).toMatchObject({
      count: 25,
      ids: strangers.slice(0, 20),
    });
    const { lines } = await command('verify', '--book', book);
    expect(lines).toContain('       and 5 more');
  });

  test('a torn client log is a remark', async () => {
    const clientLog = fileOf(`${readFileSync(logFile, 'utf8')}{"n":1000,"at":`);
    const verification = await verified({ clientLog });
    expect(found(verification)).toEqual({});
    expect(verification.remarks).toEqual([expect.stringContaining(`${clientLog}:`)]);
  });

  test('what was made before `since` is left out of every record', async () => {
    const verification = await verified({ clientLog: logFile, since: Date.now() });
    expect(found(verification)).toEqual({});
    expect(Object.values(verification.counts)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  test.each<[string, (charge: string) => string[], () => Record<string, readonly string[]>]>([
    ['as it should be', (charge) => [charge], () => ({})],
    [
      'with another amount',
      (charge) => [charge.replace('"amount":5000', '"amount":500')],
      () => ({ amount_differs: [paid.transactionId] }),
    ],
    [
      'at another account',
      (charge) => [charge.replace('acct_demo', 'acct_other')],
      () => ({ account_differs: [paid.transactionId] }),
    ],
    ['twice', (charge) => [charge, charge], () => ({ second_success: [paid.paymentIntentId] })],
    ['not even then', () => [], () => ({ success_without_charge: [paid.transactionId] })],
  ])('a charge that is in the book when it is read again, %s', async (_, change, expected) => {
    const lines = (await (await fetch(`${world.bankUrl}/_bank/charges`)).text()).trimEnd().split('\n');
    const before = lines.filter((line) => !line.includes(paid.transactionId));
    const charge = lines.find((line) => line.includes(paid.transactionId))!;
    const answers = [before, [...before, ...change(charge)]].map((some) => some.join('\n'));
    const closed: boolean[] = [];
    let asked = 0;
    const bank = createServer(async (_, response) => {
      closed.push(await noSnapshotStaysOpen());
      response.end(answers[asked++]);
    });
    bank.listen(0, '127.0.0.1');
    await once(bank, 'listening');
    try {
      const { port } = bank.address() as AddressInfo;
      expect(found(await verified({ book: `http://127.0.0.1:${port}` }))).toEqual(expected());
      expect(closed).toEqual([true, true]);
    } finally {
      bank.closeAllConnections();
      bank.close();
    }
  });

  /** What is done, and what must be found. */
  type Tampering = [
    what: string,
    tamper: () => Promise<Over>,
    expected: () => Record<string, readonly string[]>,
  ];
  const TAMPERINGS: Tampering[] = [
    [
      'an acknowledged intent is gone',
      async () => {
        await sql('delete from payment_intents where payment_intent_id = $1', untried);
        return { clientLog: logFile };
      },
      () => ({ acknowledged_absent: [untried] }),
    ],
    [
      'an acknowledged attempt is gone',
      async () => {
        await sql('delete from transactions where transaction_id = $1', open.transactionId);
        return { clientLog: logFile };
      },
      () => ({ acknowledged_absent: [open.transactionId] }),
    ],
    [
      'a client was told of an attempt of another intent',
      async () => ({
        clientLog: logWith(
          { n: 9001, at: 1, do: 'pay', paymentIntentId: untried },
          { n: 9001, at: 1, outcome: 'ok', transactionId: paid.transactionId },
        ),
      }),
      () => ({ acknowledged_other: [paid.transactionId] }),
    ],
    [
      'a client was told of an intent of another order',
      async () => ({
        clientLog: logWith(
          { n: 9001, at: 1, do: 'intent', ...ORDER, orderId: 'order "2" of 2' },
          { n: 9001, at: 1, outcome: 'ok', paymentIntentId: untried },
        ),
      }),
      () => ({ acknowledged_other: [untried] }),
    ],
    [
      'a client was shown another end',
      async () => ({
        clientLog: logWith(
          { n: 9001, at: 1, do: 'read', transactionId: declined.transactionId },
          { n: 9001, at: 1, outcome: 'ok', status: 'SUCCESS' },
        ),
      }),
      () => ({ final_taken_back: [declined.transactionId] }),
    ],
    [
      'a client was shown an end, and after that none',
      async () => ({
        clientLog: logWith(
          { n: 9001, at: 1, do: 'read', transactionId: paid.transactionId },
          { n: 9001, at: 1, outcome: 'ok', status: 'PROCESSING' },
        ),
      }),
      () => ({ final_taken_back: [paid.transactionId] }),
    ],
    [
      'one attempt is charged twice',
      async () => ({
        book: await bookWith((lines) => [...lines, lines.find((line) => line.includes(paid.transactionId))!]),
      }),
      () => ({ second_success: [paid.paymentIntentId] }),
    ],
    [
      'two attempts of one intent are charged',
      async () => ({
        book: await bookWith((lines) => [
          ...lines.map((line) =>
            line.includes(twice.declinedId)
              ? line.replace('"declined"', '"succeeded"').replace('"effect":"none"', '"effect":"charged"')
              : line,
          ),
        ]),
      }),
      () => ({ second_success: [twice.paymentIntentId], charge_of_failed: [twice.declinedId] }),
    ],
    [
      'a charge has no attempt',
      async () => ({
        book: await bookWith((lines) => [
          ...lines,
          chargeLine(`${untried.replace('pi_', 'txn_').slice(0, -1)}1`),
          chargeLine('invoice 7'),
        ]),
      }),
      () => ({
        charge_without_attempt: ['invoice 7', `${untried.replace('pi_', 'txn_').slice(0, -1)}1`],
      }),
    ],
    [
      'a success has no charge',
      async () => ({
        book: await bookWith((lines) => lines.filter((line) => !line.includes(twice.transactionId))),
      }),
      () => ({ success_without_charge: [twice.transactionId] }),
    ],
    [
      'a failed attempt is charged',
      async () => ({
        book: await bookWith((lines) => [...lines, chargeLine(neverArrived.transactionId)]),
      }),
      () => ({ charge_of_failed: [neverArrived.transactionId] }),
    ],
    [
      'another amount is charged',
      async () => ({
        book: await bookWith((lines) =>
          lines.map((line) =>
            line.includes(paid.transactionId) ? line.replace('"amount":5000', '"amount":500') : line,
          ),
        ),
      }),
      () => ({ amount_differs: [paid.transactionId] }),
    ],
    [
      'a charge is at another account',
      async () => ({
        book: await bookWith((lines) =>
          lines.map((line) =>
            line.includes(paid.transactionId) ? line.replace('acct_demo', String.raw`acct demo \"2\"`) : line,
          ),
        ),
      }),
      () => ({ account_differs: [paid.transactionId] }),
    ],
    [
      'an attempt says it was charged at another account',
      async () => {
        await sql(
          "update transactions set processor_account = 'acct_2' where transaction_id = $1",
          paid.transactionId,
        );
        return {};
      },
      () => ({ account_differs: [paid.transactionId], routing_differs: [paid.transactionId] }),
    ],
    [
      'an attempt says it was charged at another processor than the bank that has its charge',
      async () => {
        await sql(
          "update transactions set processor = 'STRIPE' where transaction_id = $1",
          paid.transactionId,
        );
        return {};
      },
      () => ({ account_differs: [paid.transactionId], routing_differs: [paid.transactionId] }),
    ],
    [
      'a success at another processor is not in the book of the bank, as it should be',
      async () => {
        await sql(
          "update transactions set processor = 'STRIPE', routing = null, status = 'SUCCESS', revision = revision + 1 where transaction_id = $1",
          declined.transactionId,
        );
        await sql(
          "update payment_intents set status = 'SUCCESS' where payment_intent_id = $1",
          declined.paymentIntentId,
        );
        await sql(
          `insert into outbox select (left(event_id::text, 24) || 'abcdefabcdef')::uuid, merchant_id, payment_intent_id,
             transaction_id, 'payment.recovered', 'SUCCESS', sequence + 1, created_at, delivered_at from outbox
           where transaction_id = $1`,
          declined.transactionId,
        );
        return {};
      },
      () => ({}),
    ],
    [
      'an attempt went on to a second bank when the first had told nothing',
      async () => {
        await wentOn(paid, 'unknown');
        return {};
      },
      () => ({ fallback_unproven: [paid.transactionId] }),
    ],
    [
      'an attempt went on to a second bank when the first was not reached, as it should',
      async () => {
        await wentOn(paid, 'not_sent');
        return {};
      },
      () => ({}),
    ],
    [
      'an attempt is of another merchant than its intent',
      async () => {
        await sql(
          "update transactions set merchant_id = 'merchant_2' where transaction_id = $1",
          declined.transactionId,
        );
        return {};
      },
      () => ({ merchant_differs: [declined.transactionId] }),
    ],
    [
      'an event goes to another merchant',
      async () => {
        await sql(
          "update outbox set merchant_id = 'merchant_2' where transaction_id = $1",
          paid.transactionId,
        );
        return {};
      },
      () => ({ merchant_differs: [paid.transactionId] }),
    ],
    [
      'an attempt has another amount than its intent',
      async () => {
        await sql('update transactions set amount = 1 where transaction_id = $1', open.transactionId);
        return {};
      },
      () => ({ amount_differs: [open.transactionId] }),
    ],
    [
      'an order had another currency',
      async () => ({
        clientLog: logWith(
          { n: 9001, at: 1, do: 'intent', ...ORDER, currency: 'USD' },
          { n: 9001, at: 1, outcome: 'ok', paymentIntentId: untried },
        ),
      }),
      () => ({ amount_differs: [untried] }),
    ],
    [
      'an attempt is open past its deadline',
      async () => ({ now: Date.now() + UNKNOWN_AFTER_MS + 10_000 }),
      () => ({ unknown_too_long: [open.transactionId] }),
    ],
    [
      'an intent is open long after its day',
      async () => {
        await sql(
          "update payment_intents set created_at = created_at - interval '25 hours 11 minutes' where payment_intent_id = $1",
          untried,
        );
        return {};
      },
      () => ({ intent_not_closed: [untried] }),
    ],
    [
      'an intent is open after its day, and recovery may still be on its way',
      async () => {
        await sql(
          "update payment_intents set created_at = created_at - interval '25 hours' where payment_intent_id = $1",
          untried,
        );
        return {};
      },
      () => ({}),
    ],
    [
      'a paid intent does not say so',
      async () => {
        await sql(
          "update payment_intents set status = 'FAILED' where payment_intent_id = $1",
          paid.paymentIntentId,
        );
        return {};
      },
      () => ({ intent_status: [paid.paymentIntentId] }),
    ],
    [
      'an intent is in two databases',
      async () => {
        const rows = await queryShards<{ row: string }>(
          world,
          'select to_json(i)::text as row from payment_intents i where payment_intent_id = $1',
          [uuid(untried)],
        );
        touched = true;
        await queryShards(
          world,
          `insert into payment_intents select * from json_populate_record(null::payment_intents, $1::json) on conflict do nothing`,
          [rows[0]!.row],
        );
        return {};
      },
      () => ({ intent_status: [untried] }),
    ],
    [
      'an attempt follows one that does not allow another',
      async () => {
        await sql('update transactions set reopenable = false where transaction_id = $1', twice.declinedId);
        await sql("update outbox set type = 'payment.failed' where transaction_id = $1", twice.declinedId);
        return {};
      },
      () => ({ attempt_not_allowed: [twice.transactionId] }),
    ],
    [
      'a final attempt has no event',
      async () => {
        await sql('delete from outbox where transaction_id = $1', paid.transactionId);
        return {};
      },
      () => ({ event_missing: [paid.transactionId] }),
    ],
    [
      'an event is there twice',
      async () => {
        await sql(
          `insert into outbox select (left(event_id::text, 24) || 'abcdefabcdef')::uuid, merchant_id, payment_intent_id,
             transaction_id, type, status, sequence + 1, created_at, delivered_at from outbox where transaction_id = $1`,
          neverArrived.transactionId,
        );
        return {};
      },
      () => ({ event_unfounded: [neverArrived.transactionId] }),
    ],
    [
      'an event tells another status',
      async () => {
        await sql("update outbox set status = 'FAILED' where transaction_id = $1", paid.transactionId);
        return {};
      },
      () => ({ event_differs: [paid.transactionId] }),
    ],
    [
      "an event has a number that is not its payment's next",
      async () => {
        await sql(
          'update outbox set sequence = sequence + 1 where transaction_id = $1',
          declined.transactionId,
        );
        return {};
      },
      () => ({ event_differs: [declined.paymentIntentId] }),
    ],
    [
      'an intent has expired as it should',
      async () => {
        await expireByHand();
        return {};
      },
      () => ({}),
    ],
    [
      'an intent has expired without its event',
      async () => {
        await expireByHand();
        await sql('delete from outbox where payment_intent_id = $1', untried);
        return {};
      },
      () => ({ event_missing: [untried] }),
    ],
    [
      'what was paid is in the ledger as it should be',
      async () => {
        await settle(paid, 'amount', 0);
        await finalRecord(paid, 'SUCCESS');
        return {};
      },
      () => ({}),
    ],
    [
      'an entry of the ledger has another amount',
      async () => {
        await settle(paid, 'amount - 1', 0);
        await finalRecord(paid, 'SUCCESS');
        return {};
      },
      () => ({ ledger_differs: [paid.transactionId] }),
    ],
    [
      'an entry of the ledger does not sum to zero',
      async () => {
        await queryShards(world, DROP_LEDGER_CHECK);
        await settle(paid, 'amount', 1);
        await finalRecord(paid, 'SUCCESS');
        return {};
      },
      () => ({ ledger_unbalanced: [paid.transactionId] }),
    ],
    [
      'the final record says that what was paid has failed',
      async () => {
        await finalRecord(paid, 'FAILED');
        return {};
      },
      () => ({ final_record_differs: [paid.transactionId] }),
    ],
    [
      'a report took a success back, as it may',
      async () => {
        await reverse(paid);
        await sql(
          "update payment_intents set status = 'FAILED' where payment_intent_id = $1",
          paid.paymentIntentId,
        );
        await sql(
          `insert into outbox select (left(event_id::text, 24) || 'abcdefabcdef')::uuid, merchant_id, payment_intent_id,
             transaction_id, 'payment.reversed', 'FAILED', sequence + 1, created_at, delivered_at from outbox
           where transaction_id = $1 and type = 'payment.succeeded'`,
          paid.transactionId,
        );
        return { clientLog: logFile };
      },
      () => ({}),
    ],
    [
      'a success is taken back, and nobody is told',
      async () => {
        await reverse(paid);
        await sql(
          "update payment_intents set status = 'FAILED' where payment_intent_id = $1",
          paid.paymentIntentId,
        );
        return { clientLog: logFile };
      },
      () => ({
        final_taken_back: [paid.transactionId],
        event_missing: [paid.transactionId],
        event_unfounded: [paid.transactionId],
      }),
    ],
  ];

  test.each(TAMPERINGS)('%s: exactly that is found', async (_, tamper, expected) => {
    try {
      expect(found(await verified(await tamper()))).toEqual(expected());
    } finally {
      if (touched) await putBack();
    }
  });

  test('every rule has found something', () => {
    const rules = TAMPERINGS.flatMap(([, , expected]) => Object.keys(expected()));
    expect(new Set(rules)).toEqual(new Set(whole.rules.map(({ rule }) => rule)));
  });
});

/** Whether `verify` has no snapshot of a shard database open; one that was just closed may take a moment to be gone. */
async function noSnapshotStaysOpen(): Promise<boolean> {
  const open = "select from pg_stat_activity where application_name = 'sluice verify'";
  const none = async (): Promise<void> => expect(await queryShards(world, open)).toEqual([]);
  return await eventually(none, { withinMs: 2000 }).then(
    () => true,
    () => false,
  );
}

const TABLES = ['payment_intents', 'transactions', 'outbox', 'ledger_entries', 'payment_ledger'];

function uuid(id: string): string {
  return id.replace(/^\w+_/, '');
}

let touched = false;

/** Changes rows of one payment in the database that has it. */
async function sql(text: string, id: string): Promise<void> {
  touched = true;
  await queryShards(world, text, [uuid(id)]);
}

/** An entry of the ledger for what a payment's attempt has as its amount. */
function settle({ transactionId }: { transactionId: string }, amount: string, off: number): Promise<void> {
  return sql(
    `insert into ledger_entries (subject_id, entry, kind, transaction_id, merchant_id, processor, processor_account, currency,
       processor_receivable, processor_fees, processor_tax, merchant_payable, merchant_fees, suspense, day, run_id, posted_at)
     select transaction_id, 1, 'settlement', transaction_id, merchant_id, processor, processor_account, currency,
       ${amount}, 0, 0, - (${amount}), 0, ${off}, current_date, 1, now()
     from transactions where transaction_id = $1`,
    transactionId,
  );
}

function finalRecord(
  { transactionId }: { transactionId: string },
  status: 'SUCCESS' | 'FAILED',
): Promise<void> {
  return sql(
    `insert into payment_ledger (transaction_id, sequence, payment_intent_id, merchant_id, amount, currency, final_status,
       reconciled_at, run_id)
     select transaction_id, 1, payment_intent_id, merchant_id, amount, currency, '${status}', now(), 1
     from transactions where transaction_id = $1`,
    transactionId,
  );
}

function reverse({ transactionId }: { transactionId: string }): Promise<void> {
  return sql(
    `update transactions set status = 'FAILED', revision = revision + 1,
       evidence = evidence || '[{"at":2,"source":"settlement","said":"declined","leg":1,"detail":"row 1"}]'
     where transaction_id = $1`,
    transactionId,
  );
}

/** PostgreSQL itself refuses such an entry: the rule is for a database whose check is gone. */
const DROP_LEDGER_CHECK = `do $$ declare one record; begin
  for one in select r.oid::regclass as owner, c.conname from pg_constraint c join pg_class r on r.oid = c.conrelid
    where r.relname like 'ledger_entries%' and pg_get_constraintdef(c.oid) like '%merchant_payable%' order by r.relkind, c.oid loop
    execute format('alter table %s drop constraint if exists %I', one.owner, one.conname);
  end loop;
end $$`;

async function putBack(): Promise<void> {
  for (const table of TABLES) {
    await queryShards(world, `delete from ${table}`);
    await queryShards(world, `insert into ${table} select * from whole_${table}`);
  }
  touched = false;
}

/** As if the payment had been sent to another bank first, which said this. */
async function wentOn({ transactionId }: Paid, said: string): Promise<void> {
  await sql(
    `update transactions set leg = 2, evidence = '[{"at":1,"source":"answer","said":"${said}","leg":1,"detail":""}]',
       routing = jsonb_build_object('fallback', null, 'legs', jsonb_build_array(
         jsonb_build_object('leg', 1, 'processor', 'SANDBOX_B', 'processorAccount', 'acct_b', 'reason', 'preferred', 'at', 1),
         jsonb_build_object('leg', 2, 'processor', processor, 'processorAccount', processor_account,
           'reason', 'first_unreachable', 'at', 2)))
     where transaction_id = $1`,
    transactionId,
  );
}

/** As recovery does, a day later. */
async function expireByHand(): Promise<void> {
  await sql(
    `update payment_intents set status = 'FAILED', created_at = created_at - interval '25 hours'
     where payment_intent_id = $1`,
    untried,
  );
  await sql(
    `insert into outbox select (left(payment_intent_id::text, 24) || 'abcdefabcdef')::uuid, merchant_id, payment_intent_id, null,
       'payment.failed', 'FAILED', 1, now(), null from payment_intents where payment_intent_id = $1`,
    untried,
  );
}

function chargeLine(reference: string): string {
  return JSON.stringify({
    at: 1,
    id: 'ch_x',
    account: 'acct_demo',
    reference,
    amount: 5000,
    currency: 'INR',
    status: 'succeeded',
    effect: 'charged',
  });
}

/** Runs `sluice` on the world's databases. */
async function command(...words: string[]): Promise<{ code: number; lines: string[]; errors: string[] }> {
  const lines: string[] = [];
  const errors: string[] = [];
  const env = {
    SLUICE_DATA_DIR: world.folder,
    SLUICE_CONTROL_DATABASE_URL: world.cluster.services.control,
    SLUICE_VAULT_DATABASE_URL: world.cluster.services.vault,
    SLUICE_SHARD_DATABASE_URLS: world.cluster.services.shards.join(','),
  };
  const code = await sluice(words, {
    env,
    out: (text) => lines.push(...text.trimEnd().split('\n')),
    err: (text) => errors.push(text),
  });
  return { code, lines, errors };
}
