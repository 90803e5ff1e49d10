/**
 * `sluice verify`: whether client log, book and databases tell one story of every payment.
 *
 * @module
 */
import { accessSync, constants } from 'node:fs';
import type { StartOptions } from '../config/options.ts';
import { isUrl } from '../verification/book.ts';
import { agrees, reportLines } from '../verification/report.ts';
import { verify } from '../verification/verify.ts';
import { type Command, loadOptions, MisuseError, readWords } from './command.ts';
import { sandboxUrl, shardDatabaseUrls } from './services.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Recovery asks within seconds and minutes: what is open for a quarter of an hour has been asked about in vain. */
const UNKNOWN_AFTER_SECONDS = 900;
const TIME = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/;

/** The command. */
export const verifyCommand: Command = {
  name: 'verify',
  usage:
    '[--book URL|FILE | --no-book] [--account ID] [--client-log FILE] [--since TIME] [--unknown-after SECONDS] [--json] [--config FILE]',
  summary:
    "Compare payments, outbox, the processor's book (default: the sandbox bank's) and a client log; exit code 1 when they disagree.",
  async run(words, context) {
    const read = readWords(
      words,
      ['book', 'account', 'client-log', 'since', 'unknown-after'],
      ['json', 'no-book'],
    );
    const { options } = loadOptions(context.env, read.config);
    const now = Date.now();
    const book = read['no-book'] === true ? noBook(read) : bookIn(read.book, options);
    if (read.account === '') throw new MisuseError('--account is empty');
    const request = {
      book,
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
        `--account ${read.account} has neither a charge in the book nor an attempt: nothing was compared`,
      );
      return 1;
    }
    return agrees(verification) ? 0 : 1;
  },
};

/** Without a book half of the rules find nothing: that is never done unasked. */
function bookIn(word: string | undefined, options: StartOptions): string {
  const book = word ?? sandboxUrl(options);
  if (book === null) {
    throw new MisuseError(
      "there is no sandbox bank here: give the processor's book with --book, or say --no-book",
    );
  }
  return word === undefined || isUrl(book) ? book : readable('--book', book);
}

function noBook({ book, account }: { readonly book?: string; readonly account?: string }): null {
  if (book !== undefined) throw new MisuseError('--no-book and --book exclude each other');
  if (account !== undefined) throw new MisuseError('--account is of a book, and --no-book excludes it');
  return null;
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

/** Some days that are none are parsed as others: 31 February as 3 March. */
function isDay(word: string): boolean {
  const time = Date.parse(word);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(word);
}
