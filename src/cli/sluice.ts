/**
 * Sluice: the command line. Finds the command, runs it, and turns what it throws into one line and an exit code.
 *
 * Commands are loaded when they are called, so that one whose packages do not load leaves `doctor` able to say so.
 *
 * @module
 */
import { pathToFileURL } from 'node:url';
import { type Command, type CommandContext, type ExitCode, MisuseError } from './command.ts';

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => (await import('./start.ts')).start,
  migrate: async () => (await import('./migrate.ts')).migrate,
  'setup databases': async () => (await import('./setup-databases.ts')).setupDatabases,
  'setup tokens': async () => (await import('./setup-tokens.ts')).setupTokens,
  'setup demo': async () => (await import('./setup-demo.ts')).setupDemo,
  'merchant create': async () => (await import('./merchant-create.ts')).merchantCreate,
  'merchant contract': async () => (await import('./merchant-contract.ts')).merchantContract,
  'merchant origins': async () => (await import('./merchant-origins.ts')).merchantOrigins,
  'merchant preferences': async () => (await import('./merchant-preferences.ts')).merchantPreferences,
  'payments unresolved': async () => (await import('./payments-unresolved.ts')).paymentsUnresolved,
  'payments show': async () => (await import('./payments-show.ts')).paymentsShow,
  'payments resolve': async () => (await import('./payments-resolve.ts')).paymentsResolve,
  reconcile: async () => (await import('./reconcile.ts')).reconcileCommand,
  'reconcile runs': async () => (await import('./reconcile-runs.ts')).reconcileRuns,
  'reconcile show': async () => (await import('./reconcile-show.ts')).reconcileShow,
  'reconcile breaks': async () => (await import('./reconcile-breaks.ts')).reconcileBreaks,
  'reconcile resolve': async () => (await import('./reconcile-resolve.ts')).reconcileResolve,
  'reconcile payouts': async () => (await import('./reconcile-payouts.ts')).reconcilePayouts,
  bus: async () => (await import('./bus.ts')).bus,
  'bus parked': async () => (await import('./bus.ts')).busParked,
  shards: async () => (await import('./shards.ts')).shards,
  verify: async () => (await import('./verify.ts')).verifyCommand,
  doctor: async () => (await import('./doctor.ts')).doctor,
  version: async () => (await import('./help.ts')).version,
  help: loadHelp,
};

/** Spellings people try. */
const ALIASES: Readonly<Record<string, string>> = { '--help': 'help', '-h': 'help', '--version': 'version' };

/** Runs one command line and returns its exit code; never throws. */
export async function sluice(words: readonly string[], context: CommandContext): Promise<ExitCode> {
  try {
    const { load, rest } = findCommand(words);
    return await (await load()).run(rest, context);
  } catch (error) {
    for (const line of (error as Error).message.split('\n')) context.err(line);
    return error instanceof MisuseError ? 2 : 1;
  }
}

function findCommand(words: readonly string[]): { load: () => Promise<Command>; rest: readonly string[] } {
  const [first = '', second = ''] = words;
  for (const [name, taken] of [[`${first} ${second}`, 2] as const, [ALIASES[first] ?? first, 1] as const]) {
    const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
    if (load !== undefined) return { load, rest: words.slice(taken) };
  }
  if (first === '') throw new MisuseError('a command is needed: try `sluice help`');
  const group = Object.keys(COMMANDS).some((name) => name.startsWith(`${first} `));
  throw new MisuseError(
    `unknown command ${group ? `${first} ${second}`.trim() : first}: try \`sluice help\``,
  );
}

async function loadHelp(): Promise<Command> {
  const { helpFor } = await import('./help.ts');
  const others = Object.entries(COMMANDS).filter(([name]) => name !== 'help');
  return helpFor(await Promise.all(others.map(([, load]) => load())));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let worksUnread = false;
  let lost = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    // Whoever reads the output, `head` for one, has read enough; a full disk has not.
    if (code !== 'EPIPE' && !lost) {
      lost = true;
      process.stderr.write(`sluice: standard output cannot be written: ${code}\n`);
      process.exitCode = 1;
    }
    if (!worksUnread) process.exit();
  });
  process.stderr.on('error', () => undefined);
  const code = await sluice(process.argv.slice(2), {
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(`sluice: ${text}\n`),
    ...(process.stderr.isTTY && { terminal: process.stderr }),
    workUnread: () => {
      worksUnread = true;
    },
  });
  // A loss may be heard of after this, and counts then too.
  process.exitCode = lost ? 1 : code;
}
