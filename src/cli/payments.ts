/**
 * Payments: what the commands of an operator's desk share: which database an id is in, and how a payment is written for people and for
 * scripts.
 *
 * @module
 */
import { userInfo } from 'node:os';
import type { StartOptions } from '../config/options.ts';
import {
  parseIntentId,
  parseTransactionId,
  shardOfId,
  showIntentId,
  showTransactionId,
  type TransactionId,
} from '../domain/ids.ts';
import { decimalAmount } from '../domain/money.ts';
import { operatorTextFault } from '../domain/operator-text.ts';
import type { Attempt, Evidence } from '../domain/transaction.ts';
import type { ShardRange } from '../storage/control.ts';
import type { Incident, RecordedCallback } from '../storage/operator-desk.ts';
import { createControlReader } from '../storage/postgres/control-reader.ts';
import { databaseOf } from '../storage/shard-map.ts';
import { MisuseError } from './command.ts';
import { controlDatabaseUrl, shardDatabaseUrls } from './services.ts';

/** The id that comes first, and the words after it. */
export function idFirst(words: readonly string[]): { id: string; shown: string; rest: readonly string[] } {
  const [shown, ...rest] = words;
  if (shown === undefined || shown.startsWith('-')) {
    throw new MisuseError('an id is needed first: pi_… or txn_…');
  }
  const id = parseIntentId(shown) ?? parseTransactionId(shown);
  if (id === null) throw new MisuseError(`${printable(shown)} is no id of a payment: pi_… or txn_…`);
  return { id, shown, rest };
}

/** The shard database an id belongs to, by the shard map of the control database. */
export async function shardDatabaseOf(options: StartOptions, id: string): Promise<string> {
  const shard = shardOfId(id);
  const ranges = await shardMapOf(options);
  const database = databaseOf(ranges, shard);
  const url = shardDatabaseUrls(options)[database];
  if (url !== undefined) return url;
  throw new Error(
    `${id} is in shard database ${database + 1}, which SLUICE_SHARD_DATABASE_URLS does not name`,
  );
}

/** The shard map of the control database; an error names what to look at. */
export async function shardMapOf(options: StartOptions): Promise<readonly ShardRange[]> {
  const url = controlDatabaseUrl(options);
  const control = createControlReader({ connectionString: url });
  try {
    return await control.shardMap();
  } catch (error) {
    const { host, pathname } = new URL(url);
    const why = (error as Error).message;
    throw new Error(
      `the control database ${host}${pathname} has told no shard map (${why}): see it, and SLUICE_CONTROL_DATABASE_URL`,
    );
  } finally {
    await control.close();
  }
}

/** What an operator says by an option, when it may be kept. */
export function operatorText(option: string, text: string, lengthMax: number): string {
  const fault = operatorTextFault(text, lengthMax);
  if (fault !== null) throw new MisuseError(`${option} ${fault}`);
  return text;
}

/** The operator when none is named. */
export function systemUser(): string {
  try {
    return userInfo().username;
  } catch {
    throw new MisuseError('--by is needed: the system has no name for this user');
  }
}

/** Text of others for a terminal: no control character reaches it. */
export function printable(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

export function showTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A span of time in its two largest units. */
export function showSpan(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first === -1) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ');
}

export function showAmount({ amount, currency }: { amount: number; currency: string }): string {
  return `${decimalAmount(amount, currency)} ${currency}`;
}

/** An attempt for scripts; nothing of it opens a card. */
export function attemptJson(attempt: Attempt) {
  const { transactionId, paymentIntentId, card, routing, evidence, nextAction } = attempt;
  return {
    transactionId: showTransactionId(transactionId),
    paymentIntentId: showIntentId(paymentIntentId),
    attempt: attempt.attempt,
    merchantId: attempt.merchantId,
    amount: attempt.amount,
    currency: attempt.currency,
    status: attempt.status,
    outcome: attempt.outcome,
    failureCode: attempt.failureCode,
    reopenable: attempt.reopenable,
    leg: attempt.leg,
    processor: attempt.processor,
    processorAccount: attempt.processorAccount,
    processorTxnId: attempt.processorTxnId,
    paymentMethodType: attempt.paymentMethodType,
    card: card === null ? null : { brand: card.brand, masked: card.masked },
    nextAction: nextAction?.kind ?? null,
    routing: { ...routing, legs: routing.legs.map((leg) => ({ ...leg, at: showTime(leg.at) })) },
    evidence: evidence.map(evidenceJson),
    sendBefore: showTime(attempt.sendBefore),
    createdAt: showTime(attempt.createdAt),
    updatedAt: showTime(attempt.updatedAt),
    completedAt: attempt.completedAt === null ? null : showTime(attempt.completedAt),
  };
}

export function evidenceJson(line: Evidence) {
  return { ...line, at: showTime(line.at) };
}

export function incidentJson({ transactionId, at, acknowledgedAt, ...incident }: Incident) {
  return {
    transactionId: showTransactionId(transactionId),
    ...incident,
    at: showTime(at),
    acknowledgedAt: acknowledgedAt === null ? null : showTime(acknowledgedAt),
  };
}

export function callbackJson({ transactionId, receivedAt, ...callback }: RecordedCallback) {
  return { ...callback, transactionId: showOrNull(transactionId), receivedAt: showTime(receivedAt) };
}

export function showOrNull(transactionId: TransactionId | null): string | null {
  return transactionId === null ? null : showTransactionId(transactionId);
}
