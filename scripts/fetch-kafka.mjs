/**
 * The Kafka broker that tests start: fetched once from Maven Central, and made quick to start.
 *
 *   java $(node scripts/fetch-kafka.mjs) kafka.Kafka server.properties
 *
 * A broker is the jars of kafka-jars.json, each pinned by its SHA-256: `org.apache.kafka:kafka_2.13` with everything it needs at run
 * time, and slf4j-simple, so that what it complains of is heard. They are kept in `$XDG_CACHE_HOME/sluice` (default `~/.cache/sluice`),
 * with an archive of the classes that a start loads, which halves its work (class data sharing of the JVM).
 * An unpacked distribution named by KAFKA_HOME is taken instead. MAVEN_CENTRAL_URL names a mirror.
 *
 * Runs on any Node from 20 on, without packages; needs Java 17 or later. Stdout: the words java needs, one a line.
 * Exit 1: there is no broker, stderr says why.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const PARALLEL = 4;
const TRIES = 3;
const TIMEOUT_MS = 60_000;
const JAVA_MAJOR = 17;

const { version, jars } = JSON.parse(readFileSync(new URL('kafka-jars.json', import.meta.url), 'utf8'));
const repository = process.env.MAVEN_CENTRAL_URL || 'https://repo.maven.apache.org/maven2';
const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice', `kafka-${version}`);

try {
  const java = javaVersion();
  const home = process.env.KAFKA_HOME;
  const words = home ? ['-cp', ownClassPath(home)] : await fetchedWords(java);
  process.stdout.write(words.map((word) => `${word}\n`).join(''));
} catch (error) {
  say(`no Kafka: ${error.message}`);
  process.exit(1);
}

/** What the Java in PATH says of itself, one of JAVA_MAJOR or later. */
function javaVersion() {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (error) throw new Error(`java does not run (${error.code}): install Java ${JAVA_MAJOR} or later`);
  const major = Number(/version "(\d+)/.exec(stderr)?.[1]);
  if (!(major >= JAVA_MAJOR)) throw new Error(`Java ${JAVA_MAJOR} or later is needed; this is ${stderr}`);
  return stderr;
}

function ownClassPath(home) {
  const libs = join(home, 'libs');
  const ours = existsSync(libs) ? readdirSync(libs).filter((name) => name.endsWith('.jar')) : [];
  if (ours.length === 0) throw new Error(`KAFKA_HOME is ${home}, and there are no jars in its libs`);
  return ours
    .sort()
    .map((name) => join(libs, name))
    .join(':');
}

async function fetchedWords(java) {
  const classPath = await fetchedClassPath();
  // An archive is of one Java only.
  const archive = join(folder, `classes-${createHash('sha256').update(java).digest('hex').slice(0, 16)}.jsa`);
  if (!existsSync(archive)) await makeArchive(classPath, archive);
  const shared = statSync(archive).size > 0 ? [`-XX:SharedArchiveFile=${archive}`] : [];
  return [...shared, '-cp', classPath];
}

async function fetchedClassPath() {
  const missing = jars.filter(({ path }) => !existsSync(join(folder, path)));
  if (missing.length > 0) {
    say(`fetching Apache Kafka ${version} into ${folder}: ${missing.length} jars`);
    await Promise.all(Array.from({ length: PARALLEL }, () => fetchEach(missing)));
    say('fetched');
  }
  return jars.map(({ path }) => join(folder, path)).join(':');
}

/** Takes from the list until it is empty: several do so at once. */
async function fetchEach(list) {
  for (let jar = list.pop(); jar !== undefined; jar = list.pop()) keep(jar, await download(jar));
}

/** Appears under its name only when whole: others may fetch the same. */
function keep({ path }, bytes) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  const part = `${file}.${randomUUID()}.part`;
  writeFileSync(part, bytes);
  renameSync(part, file);
}

async function download({ path, sha256 }) {
  const url = `${repository}/${path}`;
  const bytes = await bytesOf(url);
  const got = createHash('sha256').update(bytes).digest('hex');
  if (got !== sha256) throw new Error(`${url} is refused: its SHA-256 is ${got} and must be ${sha256}`);
  return bytes;
}

async function bytesOf(url) {
  for (let tried = 1; ; tried++) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      return Buffer.from(await response.arrayBuffer());
    } catch (error) {
      if (tried === TRIES) throw new Error(`${url} could not be fetched: ${reason(error)}`);
    }
  }
}

/** Runs a broker once: the JVM writes at its end which classes it had. What fails leaves an empty file, so as not to be tried again. */
async function makeArchive(classPath, archive) {
  say('starting Kafka once, so that it starts quickly from now on');
  const part = join(folder, `${randomUUID()}.part`);
  mkdirSync(part);
  const written = join(part, 'classes.jsa');
  try {
    await runOnce(classPath, part, [`-XX:ArchiveClassesAtExit=${written}`]);
  } catch (error) {
    say(`that failed, and Kafka will start slowly: ${error.message}`);
  }
  if (!existsSync(written)) writeFileSync(written, '');
  renameSync(written, archive);
  rmSync(part, { recursive: true });
}

async function runOnce(classPath, workFolder, flags) {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const properties = join(workFolder, 'server.properties');
  writeFileSync(
    properties,
    `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
log.dirs=${join(workFolder, 'data')}
`,
  );
  const clusterId = randomUUID().replaceAll('-', '').slice(0, 22);
  const tool = ['kafka.tools.StorageTool', 'format', '--config', properties, '--cluster-id', clusterId];
  const formatted = spawnSync('java', ['-cp', classPath, ...tool], { encoding: 'utf8' });
  if (formatted.status !== 0) throw new Error(`the storage tool failed: ${formatted.stderr}`);
  const words = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...flags, '-cp', classPath];
  const broker = spawn('java', [...words, 'kafka.Kafka', properties], { stdio: 'ignore' });
  const ended = once(broker, 'exit');
  const late = setTimeout(() => broker.kill('SIGKILL'), TIMEOUT_MS);
  while (broker.exitCode === null && broker.signalCode === null && !(await listens(port))) await pause(100);
  broker.kill('SIGTERM');
  await ended;
  clearTimeout(late);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function listens(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Fetch hides why it failed. */
function reason(error) {
  return error.cause?.message || error.message;
}

function say(text) {
  process.stderr.write(`sluice: ${text}\n`);
}
