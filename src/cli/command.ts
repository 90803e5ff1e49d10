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
  /** Standard error where it is a terminal. */
  readonly terminal?: Terminal | undefined;
  /** From now on the command goes on to its end when nobody reads its output: it does more than tell. */
  readonly workUnread?: () => void;
}

/** A terminal, which can be drawn on. */
export interface Terminal {
  /** Its width now. */
  readonly columns: number;
  write(text: string): void;
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

/** What was read of a command's words. */
type Read<Name extends string, Flag extends string, List extends string> = Partial<
  Record<Name | 'config', string> & Record<Flag, boolean> & Record<List, string[]>
>;

/**
 * Reads `--name value` words, `--flag` words without a value, and `lists`, words that may come several times. Unknown and positional words are a {@link MisuseError}.
 */
export function readWords<Name extends string, Flag extends string = never, List extends string = never>(
  words: readonly string[],
  names: readonly Name[],
  flags: readonly Flag[] = [],
  lists: readonly List[] = [],
): Read<Name, Flag, List> {
  return parse<Read<Name, Flag, List>>(words, { names, flags, lists, positionals: false }).values;
}

/** The same, beside one word that belongs to no option and may stand anywhere: a file, an id. A second one is a {@link MisuseError}. */
export function readWordsAround<Name extends string, Flag extends string = never>(
  words: readonly string[],
  names: readonly Name[],
  flags: readonly Flag[] = [],
): { read: Read<Name, Flag, never>; word: string | undefined } {
  const { values, positionals } = parse<Read<Name, Flag, never>>(words, {
    ...{ names, flags, lists: [], positionals: true },
  });
  const [word, second] = positionals;
  if (second !== undefined) throw new MisuseError(`one word too many: ${second}`);
  return { read: values, word };
}

interface Wanted {
  names: readonly string[];
  flags: readonly string[];
  lists: readonly string[];
  positionals: boolean;
}

function parse<Values>(words: readonly string[], wanted: Wanted): { values: Values; positionals: string[] } {
  const options: ParseArgsOptionsConfig = { config: { type: 'string' } };
  for (const name of wanted.names) options[name] = { type: 'string' };
  for (const flag of wanted.flags) options[flag] = { type: 'boolean' };
  for (const list of wanted.lists) options[list] = { type: 'string', multiple: true };
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      options,
      strict: true,
      allowPositionals: wanted.positionals,
    });
    return { values: values as Values, positionals };
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
