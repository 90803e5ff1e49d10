/**
 * Apache Kafka for tests: one broker or three, each controller too (KRaft), on ports of their own in a temporary folder.
 *
 * A broker starts in two to four seconds and takes some 150 MB. Clients use the listener CLIENT; brokers among themselves, and the
 * question whether one answers, use INTERNAL, which is plain whatever CLIENT is.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import type { ServerTls } from './certificates.ts';
import { eventually } from './eventually.ts';
import { freePort } from './ports.ts';
import { type ServerControl, startServer } from './server-process.ts';

export interface KafkaOptions {
  /** Default 1. With three: replication 3, two in sync for a write. */
  brokers?: 1 | 3;
  /** The clients' listener is TLS 1.3. */
  tls?: KafkaTls;
}

/** What the clients' listener shows, and who may connect. */
export interface KafkaTls extends ServerTls {
  /** The only user, by SASL SCRAM-SHA-512. */
  user?: KafkaUser;
}

export interface KafkaUser {
  name: string;
  password: string;
}

export interface KafkaServers {
  /** host:port of the clients' listener of each broker. */
  readonly brokers: readonly string[];
  /** By number from 0. Its node id is one more. */
  broker(index: number): ServerControl;
  /** Ends all of them and removes their folder. */
  stop(): Promise<void>;
}

/** Where one broker is. */
interface BrokerPlace {
  id: number;
  folder: string;
  client: number;
  internal: number;
  controller: number;
}

/** A dead broker is noticed after so long; by default 9 s. */
const BROKER_SESSION_MS = 3000;

/** Whole start-up is one second of compiling; the second compiler would double it. */
const JVM_FLAGS = ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData'];
const LOGGING = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';

/** Words java needs before the main class; the broker is fetched first where it is not yet. Undefined: it cannot be had; stderr says why. */
export function kafkaJavaWords(): string[] | undefined {
  const script = join(import.meta.dirname, '../../scripts/fetch-kafka.mjs');
  const { status, stdout } = spawnSync(process.execPath, [script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return status === 0 ? stdout.trim().split('\n') : undefined;
}

/** Starts brokers; resolves when each of them knows all. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServers> {
  const { brokers: count = 1, tls } = options;
  const javaWords = kafkaJavaWords();
  if (javaWords === undefined)
    throw new Error('Kafka cannot be had: it needs Java and scripts/fetch-kafka.mjs');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-kafka-'));
  const places: BrokerPlace[] = [];
  for (let id = 1; id <= count; id++) places.push(await makePlace(folder, id));
  const formatted = await formattedFolder(javaWords, tls?.user);
  const clusterId = randomId();
  for (const place of places) {
    writeFileSync(join(place.folder, 'server.properties'), propertiesText(place, places, tls));
    fillDataFolder(place, formatted, clusterId);
  }
  const started = await Promise.allSettled(places.map((place) => startBroker(place, javaWords)));
  const servers = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.kill()));
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    await Promise.all(places.map((place) => eventually(() => checkKnows(place, places))));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    brokers: places.map(({ client }) => `127.0.0.1:${client}`),
    broker: (index) => servers[index]!,
    stop,
  };
}

async function makePlace(parent: string, id: number): Promise<BrokerPlace> {
  const folder = join(parent, `broker-${id}`);
  mkdirSync(folder);
  return { id, folder, client: await freePort(), internal: await freePort(), controller: await freePort() };
}

function startBroker(place: BrokerPlace, javaWords: readonly string[]): Promise<ServerControl> {
  const properties = join(place.folder, 'server.properties');
  return startServer({
    program: 'java',
    args: [...JVM_FLAGS, LOGGING, ...javaWords, 'kafka.Kafka', properties],
    logFile: join(place.folder, 'log.txt'),
    answers: () => checkKnows(place, [place]),
  });
}

/** Asks a broker for its metadata. @throws Error unless it answers and knows all of these as alive */
async function checkKnows(asked: BrokerPlace, wanted: readonly BrokerPlace[]): Promise<void> {
  const kafka = new Kafka({
    brokers: [`127.0.0.1:${asked.internal}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
    connectionTimeout: 2000,
    requestTimeout: 2000,
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    const missing = wanted.filter(({ id }) => !brokers.some(({ nodeId }) => nodeId === id));
    if (missing.length > 0) throw new Error(`broker ${asked.id} does not know ${missing[0]!.id}`);
  } finally {
    await admin.disconnect();
  }
}

function propertiesText(own: BrokerPlace, all: readonly BrokerPlace[], tls: KafkaTls | undefined): string {
  const replicas = all.length;
  const inSync = Math.min(replicas, 2);
  const properties: Record<string, string | number | boolean> = {
    'process.roles': 'broker,controller',
    'node.id': own.id,
    'controller.quorum.voters': all.map(({ id, controller }) => `${id}@127.0.0.1:${controller}`).join(),
    listeners: `CLIENT://127.0.0.1:${own.client},INTERNAL://127.0.0.1:${own.internal},CONTROLLER://127.0.0.1:${own.controller}`,
    'listener.security.protocol.map': `CLIENT:${clientProtocol(tls)},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    'log.dirs': join(own.folder, 'data'),
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.num.partitions': 4,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': replicas,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    'broker.session.timeout.ms': BROKER_SESSION_MS,
    'broker.heartbeat.interval.ms': 500,
    'num.network.threads': 1,
    'num.io.threads': 2,
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    ...(tls && tlsProperties(own, tls)),
  };
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

function clientProtocol(tls: KafkaTls | undefined): string {
  if (tls === undefined) return 'PLAINTEXT';
  return tls.user === undefined ? 'SSL' : 'SASL_SSL';
}

function tlsProperties(own: BrokerPlace, tls: KafkaTls): Record<string, string> {
  // Kafka wants key and certificate in one file.
  const keyStore = join(own.folder, 'server.pem');
  writeFileSync(keyStore, readFileSync(tls.key, 'utf8') + readFileSync(tls.certificate, 'utf8'));
  const listener = 'listener.name.client';
  return {
    [`${listener}.ssl.protocol`]: 'TLSv1.3',
    [`${listener}.ssl.enabled.protocols`]: 'TLSv1.3',
    [`${listener}.ssl.keystore.type`]: 'PEM',
    [`${listener}.ssl.keystore.location`]: keyStore,
    [`${listener}.ssl.truststore.type`]: 'PEM',
    [`${listener}.ssl.truststore.location`]: tls.ca,
    [`${listener}.ssl.client.auth`]: tls.clientCertificates ? 'required' : 'none',
    ...(tls.user && {
      [`${listener}.sasl.enabled.mechanisms`]: 'SCRAM-SHA-512',
      [`${listener}.scram-sha-512.sasl.jaas.config`]:
        'org.apache.kafka.common.security.scram.ScramLoginModule required;',
    }),
  };
}

/** Makes a broker's data folder as Kafka's storage tool leaves it, but for whose it is. */
export function fillDataFolder(
  place: Pick<BrokerPlace, 'id' | 'folder'>,
  formatted: string,
  clusterId: string,
): void {
  const data = join(place.folder, 'data');
  cpSync(formatted, data, { recursive: true });
  writeFileSync(
    join(data, 'meta.properties'),
    `version=1\ncluster.id=${clusterId}\nnode.id=${place.id}\ndirectory.id=${randomId()}\n`,
  );
}

/**
 * A data folder formatted by Kafka's storage tool, with the user. It is kept from run to run: the tool takes more than a second,
 * and what it writes depends on its version and on the users.
 */
export async function formattedFolder(
  javaWords: readonly string[],
  user: KafkaUser | undefined,
): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice', 'kafka-formatted');
  const key = createHash('sha256')
    .update(JSON.stringify([javaWords, user]))
    .digest('hex')
    .slice(0, 16);
  const kept = join(cache, key);
  if (existsSync(kept)) return kept;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'part-'));
  const place = await makePlace(folder, 1);
  const properties = join(place.folder, 'server.properties');
  writeFileSync(properties, propertiesText(place, [place], undefined));
  const scram = user && `SCRAM-SHA-512=[name=${user.name},password=${user.password}]`;
  execFileSync(
    'java',
    [
      ...JVM_FLAGS,
      ...javaWords,
      'kafka.tools.StorageTool',
      'format',
      '--config',
      properties,
      '--cluster-id',
      randomId(),
      ...(scram ? ['--add-scram', scram] : []),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  try {
    renameSync(join(place.folder, 'data'), kept);
  } catch (error) {
    // Somebody else was first.
    if (!existsSync(kept)) throw error;
  }
  rmSync(folder, { recursive: true });
  return kept;
}

/** As Kafka writes its ids: 16 bytes. It takes none that begins with a dash. */
export function randomId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? randomId() : id;
}
