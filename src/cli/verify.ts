/**
 * `sluice verify`: whether client log, book and databases tell one story of every payment.
 *
 * @module
 */
import { accessSync, constants } from 'node:fs';
import type { StartOptions } from '../config/options.ts';
import { agrees, reportLines } from '../verification/report.ts';
import { verify } from '../verification/verify.ts';
import { type Command, loadOptions, MisuseError, readWords } from './command.ts';
import { sandboxUrl, shardDatabaseUrls } from './services.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Recovery asks within seconds and minutes: what is open for a quarter of an hour has been asked about in vain. */
const UNKNOWN_AFTER_SECONDS = 900;

/** The command. */
export const verifyCommand: Command = {
  name: 'verify',
  usage:
    '[--book URL|FILE [--account ID]] [--client-log FILE] [--since TIME] [--unknown-after SECONDS] [--json] [--config FILE]',
  summary:
    "Compare payments, outbox, the processor's book (default: the sandbox bank's) and a client log; exit code 1 when they disagree.",
  async run(words, context) {
    const read = readWords(words, ['book', 'account', 'client-log', 'since', 'unknown-after'], ['json']);
    const { options } = loadOptions(context.env, read.config);
    const now = Date.now();
    const request = {
      book: bookIn(read.book, options),
      clientLog: read['client-log'] === undefined ? null : readable('--client-log', read['client-log']),
      unknownAfterMs: secondsIn(read['unknown-after']) * 1000,
      now,
      // What is older may have been dropped from the databases, and never is from a book.
      since: read.since === undefined ? now - options.retentionDays * DAY_MS : timeIn(read.since),
      ...(read.account !== undefined && { account: read.account }),
    };
    const verification = await verify({ ...request, shardDatabaseUrls: shardDatabaseUrls(options) });
    context.out(
      read.json === true
        ? `${JSON.stringify(verification, null, 2)}\n`
        : `${reportLines(verification).join('\n')}\n`,
    );
    return agrees(verification) ? 0 : 1;
  },
};

function bookIn(word: string | undefined, options: StartOptions): string | null {
  if (word === undefined) return sandboxUrl(options);
  return /^https?:\/\//.test(word) ? word : readable('--book', word);
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
function timeIn(word: string): number {
  const time = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(word) ? Date.parse(word) : Number.NaN;
  if (!Number.isNaN(time) && time >= 0) return time;
  throw new MisuseError(`--since ${word} is not a time as 2026-01-31 (UTC) or 2026-01-31T10:00:00Z`);
}
