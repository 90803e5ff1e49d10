/**
 * `sluice verify`: whether client log, books and databases tell one story of every payment.
 *
 * @module
 */
import { accessSync, constants } from 'node:fs';
import type { StartOptions } from '../config/options.ts';
import { isDay } from '../domain/day.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import { type Book, isUrl } from '../verification/book.ts';
import { agrees, reportLines } from '../verification/report.ts';
import { verify } from '../verification/verify.ts';
import { type Command, loadOptions, MisuseError, readWords } from './command.ts';
import { type SandboxPlace, sandboxUrls, shardDatabaseUrls } from './services.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Recovery asks within seconds and minutes: what is open for a quarter of an hour has been asked about in vain. */
const UNKNOWN_AFTER_SECONDS = 900;
const TIME = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/;

/** The command. */
export const verifyCommand: Command = {
  name: 'verify',
  usage:
    '[--book [PROCESSOR=]URL|FILE ... | --no-book] [--account ID] [--client-log FILE] [--since TIME] [--unknown-after SECONDS] [--json] [--config FILE]',
  summary:
    "Compare payments, outbox, the processors' books (default: the sandbox banks') and a client log; exit code 1 when they disagree.",
  async run(words, context) {
    const read = readWords(
      words,
      ['account', 'client-log', 'since', 'unknown-after'],
      ['json', 'no-book'],
      ['book'],
    );
    const { options } = loadOptions(context.env, read.config);
    const now = Date.now();
    const books = read['no-book'] === true ? noBooks(read) : booksIn(read.book, options);
    if (read.account === '') throw new MisuseError('--account is empty');
    const request = {
      books,
      clientLog: read['client-log'] === undefined ? null : readable('--client-log', read['client-log']),
      unknownAfterMs: secondsIn(read['unknown-after']) * 1000,
      now,
      // What is older may have been dropped from the databases, and never is from a book.
      since: read.since === undefined ? now - options.retentionDays * DAY_MS : timeIn(read.since, now),
      ...(read.account !== undefined && { account: read.account }),
    };
    const verification = await verify({ ...request, shardDatabaseUrls: shardDatabaseUrls(options) });
    context.out(
      read.json === true
        ? `${JSON.stringify(verification, null, 2)}\n`
        : `${reportLines(verification).join('\n')}\n`,
    );
    const { charges, attemptsInBook } = verification.counts;
    if (read.account !== undefined && charges === 0 && attemptsInBook === 0) {
      context.err(
        `--account ${read.account} has neither a charge in a book nor an attempt: nothing was compared`,
      );
      return 1;
    }
    return agrees(verification) ? 0 : 1;
  },
};

/** Without a book half of the rules find nothing: that is never done unasked. */
function booksIn(words: readonly string[] | undefined, options: StartOptions): readonly Book[] {
  const banks = sandboxUrls(options);
  if (words !== undefined) return words.map((word) => bookIn(word, banks));
  if (banks.length === 0) {
    throw new MisuseError(
      "there is no sandbox bank here: give the processors' books with --book, or say --no-book",
    );
  }
  return banks.map(({ processors, url }) => ({ place: url, processors }));
}

const PROCESSORS: readonly ProcessorName[] = ['RAZORPAY', 'PAYU', 'STRIPE', 'SANDBOX', 'SANDBOX_B'];

/** A bank that answers is the sandbox, unless it is named; a file that is not named has the charges of all processors. */
function bookIn(word: string, banks: readonly SandboxPlace[]): Book {
  const named = PROCESSORS.find((processor) => word.startsWith(`${processor}=`)) ?? null;
  const place = named === null ? word : word.slice(named.length + 1);
  if (named !== null) return { place: isUrl(place) ? place : readable('--book', place), processors: [named] };
  if (!isUrl(place)) return { place: readable('--book', place), processors: null };
  return { place, processors: banks.find(({ url }) => url === place)?.processors ?? ['SANDBOX'] };
}

function noBooks({
  book,
  account,
}: {
  readonly book?: string[];
  readonly account?: string;
}): readonly Book[] {
  if (book !== undefined) throw new MisuseError('--no-book and --book exclude each other');
  if (account !== undefined) throw new MisuseError('--account is of a book, and --no-book excludes it');
  return [];
}

function readable(option: string, file: string): string {
  try {
    accessSync(file, constants.R_OK);
    return file;
  } catch (error) {
    throw new MisuseError(`${option} ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}

function secondsIn(word: string | undefined): number {
  if (word === undefined) return UNKNOWN_AFTER_SECONDS;
  if (!/^\d{1,9}$/.test(word)) throw new MisuseError(`--unknown-after ${word} is not a number of seconds`);
  return Number(word);
}

/** A day, or a moment with its zone: without one it would mean another moment on another host. */
function timeIn(word: string, now: number): number {
  const time = TIME.test(word) && isDay(word.slice(0, 10)) ? Date.parse(word) : Number.NaN;
  if (Number.isNaN(time) || time < 0) {
    throw new MisuseError(`--since ${word} is not a time as 2026-01-31 (UTC) or 2026-01-31T10:00:00Z`);
  }
  if (time > now) throw new MisuseError(`--since ${word} lies in the future`);
  return time;
}
