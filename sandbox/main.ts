/**
 * `node sandbox/main.ts`: the bank in a box as a process of its own.
 *
 * Prints `{"ready":true,"port":N}` when it listens. SIGTERM and SIGINT stop it with 0; bad settings end it with 2, a book
 * that cannot be read or written with 1.
 * @module
 */
import { startSandbox } from './sandbox.ts';
import { readSettings } from './settings.ts';

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function fail(error: Error): never {
  say(`sandbox: ${error.message}`);
  process.exit(1);
}

const read = readSettings(process.env);
if (!read.ok) {
  for (const problem of read.problems) say(problem);
  process.exit(2);
}
const { settings } = read;
const sandbox = await startSandbox(settings, say, fail).catch((error: NodeJS.ErrnoException): never => {
  if (error.code !== 'EADDRINUSE') fail(error);
  return fail(new Error(`SANDBOX_PORT: ${settings.port} is in use`));
});
process.stdout.write(`${JSON.stringify({ ready: true, port: sandbox.port })}\n`);

let stopping = false;
function stop(): void {
  if (stopping) return;
  stopping = true;
  sandbox.stop().then(() => process.exit(0), fail);
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
