/**
 * Compare: Sluice, the floor below it and the usual way, by the same driver on the same machine, round after round.
 *
 * What has been measured is written after every contender, so that a run cut short has its rounds. Exit codes: 0; 1 when a contender
 * did not come up or Sluice's audit was not clean; 2 misused.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Machine, thisMachine } from '../../load-tests/machine.ts';
import { ArgumentError, type CompareArguments, parseArguments, USAGE } from './arguments.ts';
import { type ContenderName, startContender } from './contenders.ts';
import { type Figures, measure, warmUp } from './measure.ts';
import { formatTable, remarksOn } from './table.ts';

/**
 * The whole command.
 * @param words the arguments after `compare`
 * @param folder exists; results are written there
 */
export async function compare(words: readonly string[], folder: string): Promise<0 | 1 | 2> {
  let asked: CompareArguments;
  try {
    asked = parseArguments(words);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    say(`${error.message}\n${USAGE}`);
    return 2;
  }
  const startedAt = new Date();
  const machine = thisMachine();
  const stem = join(folder, `${startedAt.toISOString().slice(0, 19).replaceAll(':', '')}-compare`);
  const figures: Figures[] = [];
  const stopping = untilInterrupted();
  try {
    for (let round = 1; round <= asked.repeat; round++) {
      for (const contender of asked.only) {
        if (stopping.aborted) return 1;
        figures.push(...(await measureFresh(contender, round, asked)));
        writeFileSync(`${stem}.json`, `${JSON.stringify({ startedAt, machine, asked, figures }, null, 2)}\n`);
      }
    }
  } catch (error) {
    say(`compare: ${(error as Error).message}`);
    return 1;
  } finally {
    if (figures.length > 0) {
      const text = formatResult(asked, startedAt, machine, figures);
      writeFileSync(`${stem}.md`, text);
      process.stdout.write(`${text}\n${relative(process.cwd(), stem)}.json, .md\n`);
    }
  }
  return figures.every(({ contender, clean }) => clean || contender !== 'sluice') ? 0 : 1;
}

/** Both measurements of a contender in one round: what comes first takes turns, since tables have grown before the second. */
async function measureFresh(
  contender: ContenderName,
  round: number,
  asked: CompareArguments,
): Promise<Figures[]> {
  const { dataDir, stop } = await startContender(contender);
  const figures: Figures[] = [];
  try {
    await warmUp(dataDir, asked);
    for (const keys of round % 2 === 1 ? [true, false] : [false, true]) {
      say(`round ${round} of ${asked.repeat}: ${contender}, ${keys ? 'with' : 'without'} Idempotency-Keys`);
      const measured = await measure(contender, dataDir, round, keys, asked);
      say(
        `  ${measured.ceiling}/s at the ceiling, ${measured.achieved}/s of ${measured.offered}/s in the open loop`,
      );
      figures.push(measured);
    }
  } finally {
    await stop();
  }
  return figures;
}

function formatResult(
  { only, repeat, durationSeconds, warmUpSeconds }: CompareArguments,
  startedAt: Date,
  machine: Machine,
  figures: readonly Figures[],
): string {
  const { cpus, model, memoryGb, node, commit } = machine;
  const measured = Math.max(...figures.map(({ round }) => round));
  const remarks = remarksOn(figures);
  return `${[
    formatTable(only, figures),
    '',
    `Medians of ${measured} of ${repeat} rounds (least to greatest); contenders in turn, each started fresh; closed loops of ${durationSeconds} s and an open loop of ${2 * durationSeconds} s at 80 %, each after ${warmUpSeconds} s of warm-up. Driver, bank, databases and server share ${cpus} × ${model}, ${memoryGb} GB, node ${node}, commit ${commit ?? 'unknown'}, ${startedAt.toISOString().slice(0, 10)}.`,
    ...(remarks.length === 0 ? [] : ['', ...remarks.map((remark) => `- ${remark}`)]),
  ].join('\n')}\n`;
}

/** Aborted at the first Ctrl-C or SIGTERM: the load driver ends what it began, then the contender is stopped. */
function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      say('stopping after this run');
      controller.abort();
    });
  }
  return controller.signal;
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
