/**
 * Judgement of outcomes, beside `verify`: the attempts and both books against what the campaign itself has ordered at the banks and
 * when they were away.
 *
 * @module
 */

import { showTransactionId, type TransactionId } from '../../src/domain/ids.ts';
import type { RoutedLeg } from '../../src/domain/routing.ts';
import type { Evidence } from '../../src/domain/transaction.ts';
import { queryShards } from '../support/databases.ts';
import { type BookLine, bookOf, CARDS } from '../support/shop.ts';
import type { World } from '../support/world.ts';
import type { OutcomePlan } from './outcome-plans.ts';
import { PROCESSOR_TIMEOUT_MS } from './setting.ts';
import type { BankName, Spell } from './weather.ts';

/** An order as it was made, and what was laid on it. */
export interface Ordered {
  plan: OutcomePlan;
  amount: number;
  /** All that was laid on it at the first bank has befallen it there. */
  struckAtA: boolean;
  /** A bank may book or call back until then, milliseconds since 1970. */
  lateUntil: number;
}

/**
 * An attempt has its end this long after it began at the latest: recovery asks after 1, 2, 5, 15, 30 and 60 seconds (each up to a fifth
 * more), so the sixth question comes within 136 s; faults and a bank that is away or silent may eat the five before it.
 */
const KNOWN_MS_MAX = 150_000;
/** Moments of one machine by different processes, and a bank that is on its way out or back. */
const EDGE_MS = 500;
/** Evidence by which an attempt must have gone on to the second bank. */
const NOT_SENT_CODES: readonly string[] = [
  'processor_unreachable',
  'processor_busy',
  'processor_breaker_open',
];
/** Reasons of the gateway's own not to send to the second bank. */
const HELD_BACK: readonly string[] = ['processor_breaker_open', 'send_before_passed'];
/** Forgeries that are signed rightly, of a charge that never was: each is noted as an incident. */
const FORGED: readonly string[] = ['forgeAmount', 'forgeAccount'];
/** Faults by which a bank books nothing, ever. */
const BOOK_NOTHING: readonly string[] = ['dropBefore', 'error503', 'html502'];

interface AttemptRow {
  id: TransactionId;
  amount: number;
  attempt: number;
  status: string;
  outcome: string;
  failureCode: string | null;
  leg: number;
  legs: RoutedLeg[];
  evidence: Evidence[];
  createdAt: number;
  /** Null: it has no end. */
  tookMs: number | null;
}

const ATTEMPTS = `select replace(transaction_id::text, '-', '') as id, amount::float8 as amount, attempt, status, outcome,
  failure_code as "failureCode", leg, routing -> 'legs' as legs, evidence, (extract(epoch from created_at) * 1000)::float8 as "createdAt",
  (extract(epoch from completed_at - created_at) * 1000)::float8 as "tookMs" from transactions order by transaction_id`;

/** All that is known of one attempt. */
interface Told extends AttemptRow {
  reference: string;
  atA: readonly BookLine[];
  atB: readonly BookLine[];
  /** Undefined: it was made for something else than a trial. */
  order: Ordered | undefined;
  isLast: boolean;
}

/** What broke a promise, and how often each outcome was met. */
export async function judgeOutcomes(
  world: World,
  ordered: readonly Ordered[],
  spells: readonly Spell[],
): Promise<{ violations: string[]; figures: Record<string, number> }> {
  const told = await toldOf(world, ordered);
  const awayTrials = told.filter((one) => mustReachB(one, spells));
  const incidents = await incidentsOf(world, told);
  return {
    violations: [
      ...told.flatMap((one) => wrongsOf(one, spells).map((what) => `${one.reference} ${what}`)),
      ...awayTrials
        .filter((one) => !reachedB(one))
        .map(
          (one) =>
            `${one.reference} was refused by bank A while B was up, and did not reach B (${JSON.stringify(one)})`,
        ),
      ...incidents.violations,
    ],
    figures: {
      ...countNames(
        'orders:',
        ordered.map(({ plan }) => plan.name.split(',')[0]!),
      ),
      ...countNames(
        'spells:',
        spells.map(({ bank, what }) => `bank ${bank} ${what}`),
      ),
      ...countNames(
        'attempts:',
        told.map(({ outcome, status, leg }) => `${status} ${outcome} on leg ${leg}`),
      ),
      ...countNames(
        'failures:',
        told.flatMap(({ failureCode }) => failureCode ?? []),
      ),
      ...countNames(
        'fallbacks:',
        told.flatMap(({ legs }) => legs[1]?.reason ?? []),
      ),
      'further attempts': told.filter(({ attempt }) => attempt > 1).length,
      'once unknown': told.filter(wasUnknown).length,
      ...percentiles('once unknown, known after ms', told.filter(wasUnknown)),
      'known after ms, bound': KNOWN_MS_MAX,
      'connections refused by bank A while B was up': awayTrials.length,
      'of these held back by the breaker of bank B or the time': awayTrials.filter(isHeldBack).length,
      'took a charge without a trace at bank A': told.filter(tookWithoutTrace).length,
      'incidents of forged callbacks': incidents.forged,
    },
  };
}

async function toldOf(world: World, ordered: readonly Ordered[]): Promise<Told[]> {
  const rows = await queryShards<AttemptRow>(world, ATTEMPTS);
  const [atA, atB] = await Promise.all(
    [world.bankUrl, world.bankBUrl].map(async (bankUrl) =>
      Map.groupBy(await bookOf({ bankUrl }), ({ reference }) => reference),
    ),
  );
  const orders = new Map(ordered.map((order) => [order.amount, order]));
  // An order that the gateway did not answer was made again: the last attempt is that of an intent, not of an amount.
  const last = new Map(rows.map(({ id }) => [id.slice(0, -1), id]));
  return rows.map((row) => {
    const reference = showTransactionId(row.id);
    return {
      ...row,
      reference,
      atA: atA!.get(reference) ?? [],
      atB: atB!.get(reference) ?? [],
      order: orders.get(row.amount),
      isLast: last.get(row.id.slice(0, -1)) === row.id,
    };
  });
}

function wrongsOf(told: Told, spells: readonly Spell[]): string[] {
  const wrongs: string[] = [];
  if (told.atB.length > 0 && !isProven(told, spells))
    wrongs.push(
      `is in the book of bank B, and that bank A refused it is not proven (${JSON.stringify(told)})`,
    );
  if (told.leg === 1 && told.outcome === 'not_sent' && NOT_SENT_CODES.includes(told.failureCode ?? ''))
    wrongs.push(`was not sent (${told.failureCode}) and did not go on to bank B`);
  if (tookWithoutTrace(told) && (told.leg !== 1 || told.atB.length > 0))
    wrongs.push(`was taken by bank A, which told nothing of it, and went on to bank B`);
  if (told.tookMs === null) wrongs.push(`has no end (${told.status})`);
  else if (told.tookMs > KNOWN_MS_MAX) wrongs.push(`was without an end for ${Math.round(told.tookMs)} ms`);
  return wrongs;
}

/** By the first bank's book and by when it was away; of a breaker there is only the gateway's own word. */
function isProven({ atA, legs, order }: Told, spells: readonly Spell[]): boolean {
  const second = legs[1];
  switch (second?.reason) {
    case 'first_refused':
      return atA.length > 0 && atA.every(({ decline_code: code }) => code === 'acquirer_unavailable');
    case 'first_unreachable':
      return (
        atA.length === 0 &&
        (order?.plan.means === CARDS.connectionRefused || isAway('A', second.at, second.at, spells))
      );
    case 'first_breaker_open':
    case 'first_busy':
      return atA.length === 0;
    default:
      return false;
  }
}

/** Whether the bank was away at some time between the two. */
function isAway(bank: BankName, from: number, to: number, spells: readonly Spell[]): boolean {
  return spells.some(
    (spell) =>
      spell.bank === bank && spell.what === 'away' && spell.from - EDGE_MS < to && from < spell.to + EDGE_MS,
  );
}

/** Whether bank A has refused the connection, as the sender heard it, and bank B was there for all of what came of that. */
function mustReachB({ legs, evidence, order }: Told, spells: readonly Spell[]): boolean {
  if (order === undefined || legs[1]?.reason !== 'first_unreachable') return false;
  const heard = evidence.find(({ leg }) => leg === 2)?.at ?? legs[1].at;
  return !isAway('B', legs[1].at, heard + PROCESSOR_TIMEOUT_MS, spells);
}

/** In the book of bank B and not in that of A; or taken by a bank B that books nothing; or held back by the gateway itself. */
function reachedB(told: Told): boolean {
  const { atA, atB, leg, order } = told;
  if (leg !== 2 || atA.length > 0) return false;
  const { means, faultsAtB } = order!.plan;
  const booksNothing =
    means === CARDS.notChargedHtml502 || faultsAtB.some(({ fault }) => BOOK_NOTHING.includes(fault));
  return atB.length > 0 || booksNothing || isHeldBack(told);
}

/** Not sent to bank B, as its breaker was open or the time to send was over. */
function isHeldBack({ outcome, failureCode, leg }: Told): boolean {
  return leg === 2 && outcome === 'not_sent' && HELD_BACK.includes(failureCode ?? '');
}

/** The first bank has taken the charge and booked nothing: nobody but the gateway's own caution keeps it from the second. */
function tookWithoutTrace({ order, isLast }: Told): boolean {
  return order?.plan.leavesNoTrace === true && order.struckAtA && isLast;
}

function wasUnknown({ evidence }: Told): boolean {
  return evidence.some(({ said }) => said === 'unknown' || said === 'no_answer');
}

/** None but of callbacks that were forged: an account or amount that is not the payment's, under a right signature. */
async function incidentsOf(
  world: World,
  told: readonly Told[],
): Promise<{ violations: string[]; forged: number }> {
  const rows = await queryShards<{ id: TransactionId; kind: string; detail: string }>(
    world,
    "select replace(transaction_id::text, '-', '') as id, kind, detail from incidents",
  );
  const byId = new Map(told.map((one) => [one.id, one]));
  const isForged = ({ id, kind }: { id: TransactionId; kind: string }): boolean => {
    const plan = byId.get(id)?.order?.plan;
    const faults = plan === undefined ? [] : [...plan.faults, ...plan.faultsAtB];
    return kind === 'quarantined_charge' && faults.some(({ fault }) => FORGED.includes(fault));
  };
  return {
    violations: rows
      .filter((row) => !isForged(row))
      .map(({ id, kind, detail }) => `${showTransactionId(id)} is an incident: ${kind} (${detail})`),
    forged: rows.filter(isForged).length,
  };
}

function percentiles(what: string, told: readonly Told[]): Record<string, number> {
  const sorted = told.map(({ tookMs }) => Math.round(tookMs ?? 0)).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? 0;
  return { [`${what}, p50`]: at(0.5), [`${what}, p99`]: at(0.99), [`${what}, max`]: at(1) };
}

function countNames(what: string, names: readonly string[]): Record<string, number> {
  const groups = [...Map.groupBy(names, (name) => name)].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(groups.map(([name, { length }]) => [`${what} ${name}`, length]));
}
