/**
 * The counter over a book whose disk is slow.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Book } from './book.ts';
import { Callbacks } from './callbacks.ts';
import { cardNumber } from './card-numbers.ts';
import { Challenges } from './challenges.ts';
import { Changes } from './changes.ts';
import { Delays } from './delays.ts';
import { DialectDesk } from './desk.ts';
import type { Account } from './dialect.ts';
import { Dialects } from './dialects.ts';
import { Faults } from './faults.ts';
import { openCounter } from './http.ts';
import { LateBookings } from './late-bookings.ts';
import { plain } from './plain/dialect.ts';
import { SettlementFaults } from './settled.ts';

const ACCOUNT = 'acct_demo';
const SETTLING = cardNumber('40000092', 1);
const ANSWER_MS = 300;
const DISK_MS = 1000;
const headers = { Authorization: 'Bearer bank_sk_test' };
let dataDir: string;
let book: Book;
let callbacks: Callbacks;
let faults: Faults;
let server: Server;
let url: string;
const failures: Error[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sandbox-counter-'));
  const onFailure = (error: Error) => failures.push(error);
  const files = { durable: false, onFailure, onTorn: () => undefined };
  book = await Book.open(dataDir, files);
  const callbackUrl = new URL('http://127.0.0.1:1/');
  const accounts: Account[] = [
    {
      dialect: 'plain',
      account: ACCOUNT,
      secretKey: 'bank_sk_test',
      webhookSecret: 'whsec_bank_test',
      callbackUrl,
    },
  ];
  const dialects = new Dialects();
  const clock = Date.now;
  faults = new Faults();
  callbacks = new Callbacks({ accounts, dialects, book, faults, clock, onFailure });
  const delays = new Delays({ ms: ANSWER_MS, callbackMs: 60_000, challengeMs: 300_000 });
  const changes = new Changes({ dialects, book, callbacks, delays, clock });
  const challenges = new Challenges({ dialects, changes, clock });
  const lateBookings = new LateBookings({ book, callbacks, challenges, changes, delays, clock });
  const bankUrl = () => 'http://127.0.0.1';
  const goAway = () => undefined;
  const shop = { answer: () => Promise.reject(new Error('nobody shops here')) };
  const office = {
    accounts,
    book,
    callbacks,
    challenges,
    changes,
    lateBookings,
    faults,
    settlementFaults: new SettlementFaults(faults),
    delays,
    clock,
    bankUrl,
    dataDir,
    files,
  };
  const routes = [await plain.open(new DialectDesk(plain, office))];
  server = openCounter({ ...office, dialects, routes, shop, goAway });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/charges`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  callbacks.stop();
  await book.close();
  await rm(dataDir, { recursive: true });
  expect(failures.splice(0)).toEqual([]);
});

/** Settles the charge as `Book.settle` does, on a disk that takes {@link DISK_MS}. The answer tells when that was done. */
function settleSlowly(reference: string): { onDisk: boolean } {
  const charge = book.find(ACCOUNT, reference)!;
  const settled = { onDisk: false };
  charge.status = 'succeeded';
  charge.written = new Promise((resolve) =>
    setTimeout(() => {
      settled.onDisk = true;
      charge.written = null;
      resolve();
    }, DISK_MS),
  );
  return settled;
}

describe('a charge that settles while its answer waits is shown only when that is on disk', () => {
  function post(): Promise<Response> {
    const card = { number: SETTLING, expiry_month: 12, expiry_year: 2040, cvv: '123', name: 'A Shopper' };
    const body = JSON.stringify({ reference: 'r1', amount: 1050, currency: 'INR', card });
    return fetch(url, { method: 'POST', headers, body });
  }

  it('to who charges', async () => {
    const answered = post();
    await vi.waitFor(() => expect(callbacks.pending).toBe(1), { interval: 1 });
    const settled = settleSlowly('r1');
    expect(await (await answered).json()).toMatchObject({ status: 'succeeded' });
    expect(settled.onDisk).toBe(true);
  });

  it('to who asks', async () => {
    await post();
    faults.add({ step: 'query', fault: 'delay', ms: ANSWER_MS, count: 1 });
    const answered = fetch(`${url}?reference=r1`, { headers });
    await vi.waitFor(() => expect(faults.tally().struck).toEqual({ 'query delay': 1 }), { interval: 1 });
    const settled = settleSlowly('r1');
    expect(await (await answered).json()).toMatchObject({ status: 'succeeded' });
    expect(settled.onDisk).toBe(true);
  });
});
