/**
 * Trouble: what went wrong since the last look, one log line per kind with its count.
 *
 * With a database gone thousands of questions fail alike; a line for each would bury what matters.
 *
 * @module
 */

import type { Log, LogFields } from '../metrics/log.ts';

export interface Trouble {
  /** Notes one failure. Those of the same event and `code` are told together, with the fields of the latest. */
  note(event: string, fields: LogFields): void;
  /** Writes what was noted and forgets it. */
  tell(): void;
}

/** Kinds kept between two looks; events and codes are lists of ours, so this many never come. */
const KINDS_MAX = 256;

export function createTrouble(log: Log): Trouble {
  const noted = new Map<string, { event: string; count: number; fields: LogFields }>();
  return {
    note(event, fields) {
      const kind = `${event} ${fields.code ?? ''}`;
      const known = noted.get(kind);
      if (known === undefined && noted.size >= KINDS_MAX) return;
      noted.set(kind, { event, count: (known?.count ?? 0) + 1, fields });
    },
    tell() {
      for (const { event, count, fields } of noted.values()) log('warn', event, { ...fields, count });
      noted.clear();
    },
  };
}
