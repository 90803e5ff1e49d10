/**
 * `sluice help` and `sluice version`.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { SETTING_NAMES } from '../config/from-env.ts';
import { type Command, MisuseError } from './command.ts';

/** `sluice version`. */
export const version: Command = {
  name: 'version',
  usage: '',
  summary: 'Print the version.',
  async run(words, context) {
    refuseWords(words);
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    context.out(`${(JSON.parse(text) as { version: string }).version}\n`);
    return 0;
  },
};

/** `sluice help`, over the commands given. */
export function helpFor(commands: readonly Command[]): Command {
  return {
    name: 'help',
    usage: '',
    summary: 'Print this.',
    async run(words, context) {
      refuseWords(words);
      const lines = commands.map(
        ({ name, usage, summary }) => `  ${`${name} ${usage}`.trimEnd()}\n      ${summary}\n`,
      );
      context.out(`sluice COMMAND\n\n${lines.join('')}\n`);
      context.out(
        `Settings, in the environment or as KEY=VALUE lines or JSON in --config FILE:\n  ${SETTING_NAMES.join('\n  ')}\n`,
      );
      context.out('\nExit codes: 0 done, 1 failed, 2 misused.\n');
      return 0;
    },
  };
}

function refuseWords(words: readonly string[]): void {
  if (words[0] !== undefined) throw new MisuseError(`unknown option ${words[0]}`);
}
