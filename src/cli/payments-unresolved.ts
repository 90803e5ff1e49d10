/**
 * `sluice payments unresolved`: what a person should look at: attempts whose outcome nobody knows, incidents, and callbacks that were
 * not believed or found no transaction.
 *
 * Printed as it is read, page by page.
 *
 * @module
 */
import { showTransactionId } from '../domain/ids.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { Incident, OperatorDesk, RecordedCallback } from '../storage/operator-desk.ts';
import { openOperatorDesk } from '../storage/postgres/operator-desk.ts';
import { type Command, type CommandContext, loadOptions, MisuseError, readWords } from './command.ts';
import {
  attemptJson,
  callbackJson,
  evidenceJson,
  incidentJson,
  printable,
  showAmount,
  showOrNull,
  showSpan,
  showTime,
} from './payments.ts';
import { shardDatabaseUrls } from './services.ts';

/** Recovery asks within seconds and minutes: what is open for a quarter of an hour has been asked about in vain. */
const OLDER_THAN_SECONDS = 900;
const DAY_MS = 24 * 60 * 60 * 1000;
const CALLBACK_DAYS = 7;

/** The command. */
export const paymentsUnresolved: Command = {
  name: 'payments unresolved',
  usage: '[--older-than SECONDS] [--json] [--config FILE]',
  summary:
    'List attempts without a final word for 900 seconds, incidents nobody acknowledged, and callbacks of 7 days that went nowhere; --json: one JSON value a line.',
  async run(words, context) {
    const read = readWords(words, ['older-than'], ['json']);
    const olderThanMs = secondsIn(read['older-than']) * 1000;
    const { options } = loadOptions(context.env, read.config);
    const now = Date.now();
    const list = read.json === true ? jsonList(context, now) : tableList(context, now);
    const { desks, failed } = await openDesks(shardDatabaseUrls(options), context);
    try {
      for (const part of partsOf(now, olderThanMs)) {
        for (const desk of desks) for await (const page of part.of(desk)) list.add(part.kind, page);
      }
    } finally {
      await Promise.all(desks.map((desk) => desk.close()));
    }
    list.end();
    return failed ? 1 : 0;
  },
};

/** What of the others is readable is worth telling when one database is down. */
async function openDesks(
  urls: readonly string[],
  { err }: CommandContext,
): Promise<{ desks: OperatorDesk[]; failed: boolean }> {
  const opened = await Promise.allSettled(urls.map(openOperatorDesk));
  for (const one of opened) if (one.status === 'rejected') err((one.reason as Error).message);
  const desks = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  return { desks, failed: desks.length < urls.length };
}

interface Items {
  attempt: Attempt;
  incident: Incident;
  quarantined: RecordedCallback;
  unmatched: RecordedCallback;
}
type Kind = keyof Items;

interface Part {
  kind: Kind;
  of(desk: OperatorDesk): AsyncIterable<readonly Items[Kind][]>;
}

function partsOf(now: number, olderThanMs: number): Part[] {
  const from = now - CALLBACK_DAYS * DAY_MS;
  return [
    { kind: 'attempt', of: (desk) => desk.openAttempts(now - olderThanMs) },
    { kind: 'incident', of: (desk) => desk.incidents() },
    { kind: 'quarantined', of: (desk) => desk.callbacks('quarantined', from) },
    { kind: 'unmatched', of: (desk) => desk.callbacks('unmatched', from) },
  ];
}

interface List {
  add(kind: Kind, page: readonly Items[Kind][]): void;
  end(): void;
}

function createCounts(): Record<Kind, number> {
  return { attempt: 0, incident: 0, quarantined: 0, unmatched: 0 };
}

function jsonList({ out }: CommandContext, now: number): List {
  const counts = createCounts();
  const lineOf: { [K in Kind]: (item: Items[K]) => object } = {
    attempt: (attempt) => unresolvedJson(attempt, now),
    incident: incidentJson,
    quarantined: callbackJson,
    unmatched: callbackJson,
  };
  return {
    add(kind, page) {
      counts[kind] += page.length;
      const shown = lineOf[kind] as (item: Items[Kind]) => object;
      for (const item of page) out(`${JSON.stringify({ type: typeOf(kind), ...shown(item) })}\n`);
    },
    end() {
      out(
        `${JSON.stringify({
          type: 'summary',
          ...{ attempts: counts.attempt, incidents: counts.incident },
          ...{ quarantinedCallbacks: counts.quarantined, unmatchedCallbacks: counts.unmatched },
        })}\n`,
      );
    },
  };
}

function typeOf(kind: Kind): 'attempt' | 'incident' | 'callback' {
  return kind === 'attempt' || kind === 'incident' ? kind : 'callback';
}

/** As in a story, with its age and the last of its evidence instead of all of it. */
function unresolvedJson(attempt: Attempt, now: number): object {
  const { evidence, ...shown } = attemptJson(attempt);
  const last = attempt.evidence.at(-1);
  return {
    ...shown,
    ageSeconds: Math.round((now - attempt.createdAt) / 1000),
    lastEvidence: last === undefined ? null : evidenceJson(last),
  };
}

/** Wide enough for nearly all; what is longer moves the rest of its line. */
const WIDTHS = [36, 10, 15, 15, 10, 16, 16, 20] as const;

const HEADS: Readonly<Record<Kind, string>> = {
  attempt: `Attempts without a final word\n${columns(['transaction', 'age', 'status', 'outcome', 'processor', 'account', 'amount', 'merchant', 'last evidence'])}`,
  incident: 'Incidents nobody acknowledged',
  quarantined: `Callbacks of ${CALLBACK_DAYS} days that were not believed`,
  unmatched: `Callbacks of ${CALLBACK_DAYS} days that found no transaction`,
};

function tableList({ out }: CommandContext, now: number): List {
  const counts = createCounts();
  const lineOf: { [K in Kind]: (item: Items[K]) => string } = {
    attempt: (attempt) => attemptLine(attempt, now),
    incident: ({ transactionId, kind, at, detail }) =>
      `${showTransactionId(transactionId)}  ${showTime(at)}  ${kind}  ${printable(detail)}`,
    quarantined: callbackLine,
    unmatched: callbackLine,
  };
  return {
    add(kind, page) {
      const shown = lineOf[kind] as (item: Items[Kind]) => string;
      if (counts[kind] === 0 && page.length > 0) out(`${HEADS[kind]}\n`);
      counts[kind] += page.length;
      for (const item of page) out(`${shown(item).trimEnd()}\n`);
    },
    end() {
      const { attempt, incident, quarantined, unmatched } = counts;
      out(
        `${attempt} attempts without a final word, ${incident} incidents, callbacks: ${quarantined} not believed, ${unmatched} without a transaction\n`,
      );
    },
  };
}

function columns(cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join('  ');
}

function attemptLine(attempt: Attempt, now: number): string {
  const { transactionId, createdAt, status, outcome, processor, processorAccount, merchantId } = attempt;
  const last = attempt.evidence.at(-1);
  const heard =
    last === undefined
      ? 'none'
      : `${last.source} ${last.said} ${showSpan(now - last.at)} ago${last.detail === '' ? '' : `: ${last.detail}`}`;
  return columns([
    ...[showTransactionId(transactionId), showSpan(now - createdAt), status, outcome, processor],
    ...[printable(processorAccount), showAmount(attempt), printable(merchantId), printable(heard)],
  ]);
}

function callbackLine(callback: RecordedCallback): string {
  const { processor, callbackId, transactionId, reason, said, receivedAt } = callback;
  const of = showOrNull(transactionId) ?? 'no id of ours';
  return `${processor} ${printable(callbackId)}  ${showTime(receivedAt)}  ${of}  ${said ?? 'nothing of a charge'}  ${printable(reason ?? '')}`;
}

function secondsIn(word: string | undefined): number {
  if (word === undefined) return OLDER_THAN_SECONDS;
  if (!/^\d{1,9}$/.test(word)) throw new MisuseError(`--older-than ${word} is not a number of seconds`);
  return Number(word);
}
