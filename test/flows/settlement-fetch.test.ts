/**
 * Settlements fetched: each connector against the bank in a box speaking its dialect. Every payment that was captured is in the day's
 * report exactly once, with our reference, whatever the pages; and what an operator of the bank orders goes wrong.
 *
 * @module
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Endpoint, openEndpoint } from '../../sandbox/testing/endpoint.ts';
import { type RunningBank, runHere } from '../../sandbox/testing/running-bank.ts';
import type {
  ChargeAccount,
  ChargeRoom,
  FetchSettlements,
  RoomConfig,
} from '../../src/connectors/connector.ts';
import { createPayuCharge } from '../../src/connectors/payu/charge.ts';
import { PLACEHOLDERS as PAYU_PLACEHOLDERS } from '../../src/connectors/payu/config.ts';
import { createPayu } from '../../src/connectors/payu/index.ts';
import { readPayuSettlementRow } from '../../src/connectors/payu/settlement.ts';
import { createPayuSettlements } from '../../src/connectors/payu/settlements.ts';
import { readPlainSettlementRow } from '../../src/connectors/plain-settlement.ts';
import { createRazorpayCharge } from '../../src/connectors/razorpay/charge.ts';
import { PLACEHOLDERS as RAZORPAY_PLACEHOLDERS } from '../../src/connectors/razorpay/config.ts';
import { createRazorpay } from '../../src/connectors/razorpay/index.ts';
import { readRazorpaySettlementRow } from '../../src/connectors/razorpay/settlement.ts';
import { createRazorpaySettlements } from '../../src/connectors/razorpay/settlements.ts';
import { createSandboxCharge } from '../../src/connectors/sandbox/charge.ts';
import { createSandbox } from '../../src/connectors/sandbox/index.ts';
import { createSandboxSettlements } from '../../src/connectors/sandbox/settlements.ts';
import { createStripeCharge } from '../../src/connectors/stripe/charge.ts';
import { createStripe } from '../../src/connectors/stripe/index.ts';
import { readBalanceTransaction } from '../../src/connectors/stripe/settlement.ts';
import { createStripeSettlements } from '../../src/connectors/stripe/settlements.ts';
import { makeId, showTransactionId, type TransactionId, transactionIdOf } from '../../src/domain/ids.ts';
import type { SettlementRow } from '../../src/domain/settlement.ts';

const CARD = '4111111111111111';
const DECLINED = '4000000000000002';
const AMOUNT = 149_900;
/** Of every bank: 2 %, and 18 % tax on it. */
const FEE = 2998;
const TAX = 540;

const ACCOUNTS = {
  sandbox: { account: 'acct_demo', secretKey: 'bank_sk_demo', webhookSecret: 'bank_whsec_demo' },
  razorpay: {
    account: 'acc_bank0000000001',
    keyId: 'rzp_test_bank0000000001',
    secretKey: 'key_secret_of_the_bank',
    webhookSecret: 'webhook_secret_of_the_bank',
  },
  payu: { account: 'bjg121', secretKey: 'saltsaltsalt', webhookSecret: 'saltsaltsalt' },
  stripe: { account: 'acct_1bank', secretKey: 'sk_test_bank1', webhookSecret: 'whsec_bank12345' },
} as const;
type Room = keyof typeof ACCOUNTS;
const ROOMS: readonly Room[] = ['sandbox', 'razorpay', 'payu', 'stripe'];

/** What a room is, opened at the bank. */
interface Opened {
  room: ChargeRoom;
  account: ChargeAccount;
  /** Today as its reports count days. */
  today(): string;
  fetchBy(pageSize: number): FetchSettlements;
  /** As the room's reader reads an item. */
  read(item: Readonly<Record<string, unknown>>): SettlementRow;
}

let folder: string;
let endpoint: Endpoint;
let bank: RunningBank;
let opened: Record<Room, Opened>;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'settlement-fetch-'));
  endpoint = await openEndpoint(() => 200);
  const accounts = ROOMS.map((room) => ({
    dialect: room === 'sandbox' ? 'plain' : room,
    ...ACCOUNTS[room],
    callbackUrl: endpoint.url,
  }));
  bank = await runHere({
    SANDBOX_PORT: '0',
    SANDBOX_DATA_DIR: folder,
    SANDBOX_FSYNC: 'off',
    SANDBOX_ACCOUNTS: JSON.stringify(accounts),
  });
  opened = openRooms(bank.url);
});
afterAll(async () => {
  await Promise.all(ROOMS.map((room) => opened?.[room].room.close()));
  await bank?.end();
  endpoint?.close();
  await rm(folder, { recursive: true, force: true });
});

function openRooms(baseUrl: string): Record<Room, Opened> {
  const config: RoomConfig = {
    baseUrl,
    connectTimeoutMs: 2000,
    connectionsMax: 16,
    notFoundProofMs: 120_000,
    timeoutMs: 10_000,
    ambiguousFailureMs: 900_000,
  };
  const deps = { now: Date.now };
  const sandbox = { ...config, name: 'SANDBOX' as const, refusedCards: false };
  const razorpay = { ...config, shopper: RAZORPAY_PLACEHOLDERS };
  const payu = { ...config, infoUrl: baseUrl, placeholders: PAYU_PLACEHOLDERS };
  const stripe = { ...config, apiVersion: '2024-06-20', abandonedMs: 900_000 };
  const dayOf = (aheadMs: number) => () => new Date(Date.now() + aheadMs).toISOString().slice(0, 10);
  return {
    sandbox: {
      room: createSandboxCharge(sandbox, deps),
      account: ACCOUNTS.sandbox,
      today: dayOf(createSandbox(sandbox).dayAheadMs),
      fetchBy: (size) => createSandboxSettlements(sandbox, size),
      read: (item) => rowOf(readPlainSettlementRow(item)),
    },
    razorpay: {
      room: createRazorpayCharge(razorpay, deps),
      account: {
        account: ACCOUNTS.razorpay.account,
        secretKey: `${ACCOUNTS.razorpay.keyId}:${ACCOUNTS.razorpay.secretKey}`,
      },
      today: dayOf(createRazorpay(razorpay).dayAheadMs),
      fetchBy: (size) => createRazorpaySettlements(razorpay, size),
      read: (item) => rowOf(readRazorpaySettlementRow(item)),
    },
    payu: {
      room: createPayuCharge(payu, deps),
      account: ACCOUNTS.payu,
      today: dayOf(createPayu(payu).dayAheadMs),
      fetchBy: (size) => createPayuSettlements(payu, size),
      read: (item) => rowOf(readPayuSettlementRow(item)),
    },
    stripe: {
      room: createStripeCharge(stripe, deps),
      account: ACCOUNTS.stripe,
      today: dayOf(createStripe(stripe).dayAheadMs),
      fetchBy: (size) => createStripeSettlements(stripe, size),
      read: (item) => rowOf(readBalanceTransaction(item)),
    },
  };
}

function rowOf(read: ReturnType<typeof readBalanceTransaction>): SettlementRow {
  if (!read.ok) throw new Error(read.detail);
  return read.row!;
}

/** Charges a new transaction; what the bank has of it is as its card says. */
async function pay(room: Room, number = CARD): Promise<TransactionId> {
  const transactionId = transactionIdOf(makeId(Date.now(), 7, Buffer.from(`settled${made++}`.padEnd(8))), 1);
  const request = {
    transactionId,
    amount: AMOUNT,
    currency: 'INR',
    orderId: `order_${made}`,
    leg: 1,
    account: opened[room].account,
    returnUrl: 'https://pay.example/checkout/return',
    browser: { address: '198.51.100.7', userAgent: 'Mozilla/5.0 (test)' },
    mayLeave: () => true,
  };
  const card = {
    pan: Buffer.from(number),
    cvv: Buffer.from('123'),
    expiryMonth: 12,
    expiryYear: 2040,
    cardholderName: Buffer.from('A Shopper'),
  };
  const { said } = await opened[room].room.charge(request, { kind: 'card', card });
  expect(said).toBe(number === CARD ? 'charged' : 'declined');
  return transactionId;
}

/** Today's report. */
async function settled(room: Room, pageSize = 2): Promise<SettlementRow[]> {
  const { account, fetchBy, read, today } = opened[room];
  const rows: SettlementRow[] = [];
  for await (const page of fetchBy(pageSize)({ account, day: today() })) rows.push(...page.map(read));
  return rows;
}

async function orderFault(fault: object): Promise<void> {
  const response = await fetch(`${bank.url}/_bank/faults`, {
    method: 'POST',
    body: JSON.stringify({ step: 'settlement', ...fault }),
  });
  expect(response.status).toBe(201);
}

describe.each(ROOMS)('the report of %s', (room) => {
  test('has every payment that was captured once, with our reference and the fee, over small pages', async () => {
    const paid: TransactionId[] = [];
    for (let index = 0; index < 5; index++) paid.push(await pay(room));
    const declined = await pay(room, DECLINED);
    const rows = await settled(room);
    const ids = rows.map(({ transactionId }) => transactionId);
    expect(ids.filter((id) => paid.includes(id as TransactionId)).toSorted()).toEqual(paid.toSorted());
    expect(ids).not.toContain(declined);
    expect(new Set(rows.map(({ movementId }) => movementId)).size).toBe(rows.length);
    for (const row of rows) {
      expect(row).toMatchObject({ amount: AMOUNT, fee: FEE, tax: TAX, currency: 'INR' });
      expect(row.net).toBe(AMOUNT - FEE - TAX);
    }
    expect(await settled(room, 100)).toEqual(rows);
  });

  test('of a day without payments is empty', async () => {
    const { account, fetchBy } = opened[room];
    const pages = [];
    for await (const page of fetchBy(100)({ account, day: '2020-01-01' })) pages.push(page);
    expect(pages).toEqual([]);
  });

  test('of another key cannot be had, and is not worth another try', async () => {
    const { account, fetchBy, today } = opened[room];
    const stranger = { ...account, secretKey: account.secretKey.replace(/.$/, '0') };
    const fetching = fetchBy(100)({ account: stranger, day: today() })[Symbol.asyncIterator]().next();
    await expect(fetching).rejects.toMatchObject({ name: 'SettlementsUnavailable', retryable: false });
  });

  test.each<[string, (row: SettlementRow) => Partial<SettlementRow>[]]>([
    ['leaveOut', () => []],
    ['twice', (row) => [row, row]],
    ['otherAmount', () => [{ amount: AMOUNT + 100 }]],
    ['otherFee', () => [{ amount: AMOUNT, fee: FEE + 100, tax: TAX, net: AMOUNT - FEE - TAX - 100 }]],
    ['otherCurrency', () => [{ amount: AMOUNT, currency: 'USD' }]],
    ['addUnknown', (row) => [row]],
  ])('goes wrong as the operator orders: %s', async (fault, wanted) => {
    if (fault === 'otherCurrency' && room === 'payu') return;
    const before = await settled(room);
    const transactionId = await pay(room);
    await orderFault({ fault, reference: showTransactionId(transactionId) });
    const after = await settled(room, 100);
    const row = { transactionId, amount: AMOUNT, fee: FEE, tax: TAX, currency: 'INR' };
    const ours = after.filter((one) => one.transactionId === transactionId);
    expect(ours).toMatchObject(wanted(row as SettlementRow));
    expect(ours).toHaveLength(wanted(row as SettlementRow).length);
    expect(after).toHaveLength(before.length + ours.length + (fault === 'addUnknown' ? 1 : 0));
    // A report says the same whenever it is read.
    expect(await settled(room, 100)).toEqual(after);
  });

  test('settles a payment that was declined, when the operator orders it', async () => {
    const transactionId = await pay(room, DECLINED);
    await orderFault({ fault: 'settleDeclined', reference: showTransactionId(transactionId) });
    const rows = await settled(room, 100);
    expect(rows.filter((row) => row.transactionId === transactionId)).toMatchObject([
      { amount: AMOUNT, fee: FEE },
    ]);
  });
});

describe('the bank’s own report as a file', () => {
  async function download(query: string): Promise<{ status: number; lines: string[] }> {
    const response = await fetch(`${bank.url}/_bank/settlements?${query}`);
    return { status: response.status, lines: (await response.text()).trimEnd().split('\n') };
  }

  test('has the rows of the day, one that is taken back too, and a trailer that counts them', async () => {
    const transactionId = await pay('sandbox');
    await orderFault({ fault: 'takeBack', reference: showTransactionId(transactionId) });
    const day = opened.sandbox.today();
    const { lines } = await download(`day=${day}&account=${ACCOUNTS.sandbox.account}`);
    const columns = lines[0]!.split(',');
    const rows = lines.slice(1, -1).map((line) => line.split(','));
    const at = (name: string) => columns.indexOf(name);
    const net = rows.reduce((sum, row) => sum + Number(row[at('net')]), 0);
    expect(lines.at(-1)).toBe(`trailer,${rows.length},${net}`);
    expect(rows).toHaveLength((await settled('sandbox')).length);
    const row = rows.find((one) => one[at('transaction_id')] === showTransactionId(transactionId))!;
    expect([row[at('status')], row[at('amount')], row[at('kind')]]).toEqual([
      'failed',
      `${AMOUNT}`,
      'payment',
    ]);
    expect((await download(`day=${day}`)).lines).toEqual(lines);
  });

  test.each([
    ['day=21-01-2026', 400],
    ['', 400],
    ['day=2026-02-30', 400],
    ['day=2026-01-21&account=acct_nobody', 404],
  ])('%s is answered %d', async (query, status) => {
    expect((await download(query)).status).toBe(status);
  });
});
