/**
 * `sluice start`: runs the parent until a signal ends it.
 *
 * @module
 */
import { join } from 'node:path';
import { readOptions, settingsToDrop } from '../config/from-env.ts';
import { LIMITS } from '../config/limits.ts';
import { unreadableFiles } from '../config/named-files.ts';
import { EmbeddedParent } from '../embedded/parent.ts';
import { welcome } from '../embedded/welcome.ts';
import {
  type Command,
  type CommandContext,
  type ExitCode,
  type LoadedOptions,
  loadOptions,
  MisuseError,
  readWords,
} from './command.ts';

/** The command. */
export const start: Command = {
  name: 'start',
  usage: '[--config FILE]',
  summary: 'Start Sluice; without database URLs with everything it needs, in SLUICE_DATA_DIR.',
  async run(words, context) {
    const { config } = readWords(words, []);
    const loaded = loadOptions(context.env, config);
    const dropped = settingsToDrop(loaded.options, loaded.settings);
    if (dropped.length > 0)
      context.err(`dropped, for the checkout role does not run here: ${dropped.join(', ')}`);
    if (loaded.options.databases !== undefined) checkGatewaySettings(loaded);
    return runParent(loaded, context);
  },
};

/** With databases of the operator's, all other settings of a gateway must be there too; better said now than in its log. */
function checkGatewaySettings({ settings }: LoadedOptions): void {
  const read = readOptions(Object.fromEntries(settings));
  const errors = read.ok ? unreadableFiles(read.options) : read.errors;
  if (errors.length > 0)
    throw new MisuseError(errors.map(({ setting, detail }) => `${setting} ${detail}`).join('\n'));
}

async function runParent({ options, settings }: LoadedOptions, context: CommandContext): Promise<ExitCode> {
  const parent = new EmbeddedParent({ options, settings, environment: context.env, say: context.err });
  const signal = untilSignal();
  const starting = parent.start();
  const first = await Promise.race([starting.then((run) => ({ run })), signal.then(() => 'signal' as const)]);
  if (first !== 'signal') {
    const { demo } = first.run;
    context.out(
      demo === undefined ? 'Sluice is ready.\n' : welcome(demo, join(options.dataDir, 'demo.json')),
    );
    await signal;
  }
  context.err('stopping');
  // Should a child resist every signal, this process still keeps its word; the next start deals with the child.
  const overdue = setTimeout(() => process.exit(1), LIMITS.stopTimeoutMs);
  await parent.stop();
  await Promise.allSettled([starting]);
  clearTimeout(overdue);
  return 0;
}

/** The first of SIGTERM, SIGINT and SIGHUP; later ones are heard and change nothing. */
function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => resolve());
  });
}
