/**
 * Command: what one `sluice` command is, and how its words are read.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { type Environment, readStartOptions, settingTexts } from '../config/from-env.ts';
import type { StartOptions } from '../config/options.ts';

/** 0 done, 1 failed, 2 misused. */
export type ExitCode = 0 | 1 | 2;

/** What a command may touch of the outside. */
export interface CommandContext {
  readonly env: Environment;
  readonly out: (text: string) => void;
  /** Standard error, one line each. */
  readonly err: (text: string) => void;
}

/** One command. */
export interface Command {
  /** As typed, for example `merchant create`. */
  readonly name: string;
  /** The options, as help shows them. */
  readonly usage: string;
  /** One sentence. */
  readonly summary: string;
  run(words: readonly string[], context: CommandContext): Promise<ExitCode>;
}

/** The user's words make no sense; the message names the word. Ends with exit code 2. */
export class MisuseError extends Error {
  constructor(detail: string) {
    super(detail);
    this.name = 'MisuseError';
  }
}

/**
 * Reads `--name value` words, `--flag` words without a value, and `lists`, words that may come several times. Unknown and positional words are a {@link MisuseError}.
 */
export function readWords<Name extends string, Flag extends string = never, List extends string = never>(
  words: readonly string[],
  names: readonly Name[],
  flags: readonly Flag[] = [],
  lists: readonly List[] = [],
): Partial<Record<Name | 'config', string> & Record<Flag, boolean> & Record<List, string[]>> {
  const options: ParseArgsOptionsConfig = { config: { type: 'string' } };
  for (const name of names) options[name] = { type: 'string' };
  for (const flag of flags) options[flag] = { type: 'boolean' };
  for (const list of lists) options[list] = { type: 'string', multiple: true };
  try {
    return parseArgs({ args: [...words], options, strict: true, allowPositionals: false }).values as Partial<
      Record<Name | 'config', string> & Record<Flag, boolean> & Record<List, string[]>
    >;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('ERR_PARSE_ARGS_') !== true) throw error;
    throw new MisuseError((message.split('. ')[0] ?? message).replace(/\.$/, ''));
  }
}

/** The value of an option that cannot be left out. */
export function required(option: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new MisuseError(`${option} is needed`);
  return value;
}

/** The options, and the texts they came from. */
export interface LoadedOptions {
  readonly options: StartOptions;
  readonly settings: ReadonlyMap<string, string>;
}

/** Reads environment and settings file; every fault is one line of a {@link MisuseError}. */
export function loadOptions(env: Environment, configFile: string | undefined): LoadedOptions {
  const text = configFile === undefined ? undefined : readConfigFile(configFile);
  const read = readStartOptions(env, text);
  if (!read.ok) {
    throw new MisuseError(read.errors.map(({ setting, detail }) => `${setting} ${detail}`).join('\n'));
  }
  return { options: read.options, settings: settingTexts(env, text, []) };
}

function readConfigFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MisuseError(`--config ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
}
