import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readClientLog, type Told } from '../src/verification/told.ts';
import { type Audit, auditOf, type Finding } from './audit.ts';
import { ClientRecord, FAILED, INTENT_OK, PAY_OK, PAY_SENT, SUCCESS } from './client-record.ts';

const idOf = (n: number) => `019900000000700080${n.toString(16).padStart(13, '0')}0`;
const attemptOf = (n: number, attempt = 1) => `txn_${idOf(n).slice(0, -1)}${attempt.toString(16)}`;

/** A payment that went as far as `last`. */
function sell(
  record: ClientRecord,
  last: 'sent' | 'intent' | 'refused' | 'pay' | 'unknown' | 'final',
  merchant = 0,
): number {
  const nowMs = performance.now();
  const place = record.begin(nowMs, merchant);
  if (last === 'sent') return place;
  record.intentOk(place, idOf(place), nowMs + 1);
  if (last === 'intent') return place;
  record.paySent(place, nowMs + 2);
  if (last === 'refused') record.payRefused(place, nowMs + 3);
  if (last === 'pay' || last === 'final') record.payOk(place, attemptOf(place), nowMs + 3);
  if (last === 'final') record.finalTold(place, 'SUCCESS', nowMs + 4);
  return place;
}

describe('client record', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-record-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function toldBy(record: ClientRecord): Promise<Told[]> {
    const path = join(folder, 'client.ndjson');
    record.writeLog(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const told: Told[] = [];
    const torn = (line: number) => expect.fail(`line ${line} is torn`);
    for await (const page of readClientLog(path, torn)) told.push(...page);
    return told;
  }

  test('becomes a client log that verify reads: what was told, and no more', async () => {
    const record = new ClientRecord();
    for (const last of ['sent', 'intent', 'refused', 'pay', 'unknown', 'final'] as const) sell(record, last);
    const told = await toldBy(record);
    const intents = told.filter(({ kind }) => kind === 'intent');
    expect(intents).toEqual(
      [1, 2, 3, 4, 5].map((n) => ({
        kind: 'intent',
        intentId: idOf(n),
        orderId: record.orderOf(n).orderId,
        amount: 1000 + n,
        currency: 'INR',
      })),
    );
    const pays = told.filter((one) => one.kind === 'pay');
    expect(pays.map(({ transactionId }) => `txn_${transactionId}`)).toEqual([attemptOf(3), attemptOf(5)]);
    const reads = told.filter((one) => one.kind === 'read');
    expect(reads).toMatchObject([{ transactionId: attemptOf(5).slice(4), status: 'SUCCESS' }]);
  });

  test('keeps more payments than one segment holds', async () => {
    const record = new ClientRecord();
    for (let n = 0; n < 70_000; n++) sell(record, n % 2 === 0 ? 'final' : 'intent', n % 1000);
    expect([record.size, record.count(INTENT_OK), record.count(PAY_OK | SUCCESS)]).toEqual([
      70_000, 70_000, 35_000,
    ]);
    expect(record.idOf(69_999)).toBe(idOf(69_999));
    expect([record.merchantOf(999), record.merchantOf(69_001)]).toEqual([999, 1]);
    expect(record.transactionIdOf(66_000)).toBe(attemptOf(66_000));
    expect(record.has(69_999, PAY_SENT)).toBe(false);
    expect((await toldBy(record)).length).toBe(70_000 + 2 * 35_000);
  });

  test('believes no transaction of another intent, and no id that is none', () => {
    const record = new ClientRecord();
    const place = sell(record, 'intent');
    expect(record.payOk(place, attemptOf(9), 0)).toBe(false);
    expect(record.payOk(place, attemptOf(place, 0), 0)).toBe(false);
    expect(record.payOk(place, '', 0)).toBe(false);
    expect(record.has(place, PAY_OK)).toBe(false);
    expect(record.payOk(place, attemptOf(place, 15), 0)).toBe(true);
    expect(record.transactionIdOf(place)).toBe(attemptOf(place, 15));
    expect(() => record.intentOk(place, '0199', 0)).toThrow(RangeError);
    expect(() => record.intentOk(place, 'x'.repeat(32), 0)).toThrow(RangeError);
  });

  test('orders differ within a run and from run to run', () => {
    const [one, other] = [new ClientRecord(1_764_000_000_000), new ClientRecord(1_764_000_000_001)];
    const ids = [0, 1, 2].flatMap((place) => [one.orderOf(place), other.orderOf(place)]);
    expect(new Set(ids.map(({ orderId }) => orderId)).size).toBe(6);
    expect(one.has(sell(one, 'final'), FAILED)).toBe(false);
  });
});

describe('audit', () => {
  const auditWith = (
    findings: Partial<Record<Finding['rule'], number>>,
    charges: number | null = 3,
  ): Audit => {
    const record = new ClientRecord();
    for (const last of ['final', 'final', 'pay', 'unknown', 'intent'] as const) sell(record, last);
    const rules = Object.entries(findings).map(([rule, count]) => ({
      rule: rule as Finding['rule'],
      what: 'words',
      count,
      ids: ['pi_1'],
    }));
    return auditOf(record, { source: 'sql', rules, charges, remarks: [] }, false);
  };

  test('of a run where all is well', () => {
    expect(auditWith({ acknowledged_absent: 0, second_success: 0 })).toEqual({
      source: 'sql',
      acknowledged: 3,
      stored: 3,
      charged: 3,
      delivered: null,
      lost: 0,
      double: 0,
      findings: [],
      remarks: [],
    });
  });

  test('counts what is lost and what is doubled, and tells every finding', () => {
    const audit = auditWith({
      acknowledged_absent: 1,
      success_without_charge: 2,
      final_taken_back: 4,
      second_success: 8,
      intent_status: 16,
    });
    expect(audit).toMatchObject({ stored: 2, lost: 7, double: 8 });
    expect(audit.findings.map(({ rule, count }) => [rule, count])).toContainEqual(['intent_status', 16]);
    expect(audit.findings.length).toBe(5);
  });

  test('knows nothing of charges without a book', () => {
    expect(auditWith({}, null)).toMatchObject({ charged: null, double: null, lost: 0 });
  });

  test('names every final payment whose webhook has not come', () => {
    const record = new ClientRecord();
    for (let n = 0; n < 3; n++) sell(record, 'final');
    record.webhookHeard(1);
    const audit = auditOf(record, { source: 'sql', rules: [], charges: 3, remarks: [] }, true);
    expect(audit.delivered).toBe(1);
    expect(audit.findings).toMatchObject([
      { rule: 'webhook_missing', count: 2, ids: [record.transactionIdOf(0), record.transactionIdOf(2)] },
    ]);
  });

  test('of intents alone counts intents', () => {
    const record = new ClientRecord();
    for (let n = 0; n < 4; n++) sell(record, n === 0 ? 'sent' : 'intent');
    expect(auditOf(record, { source: 'sql', rules: [], charges: 0, remarks: [] }, false).acknowledged).toBe(
      3,
    );
  });
});
