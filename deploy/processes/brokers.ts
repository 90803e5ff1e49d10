/**
 * Brokers: Apache Kafka in KRaft, each process broker and controller in one.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedError } from '../../src/embedded/embedded-error.ts';
import { fillDataFolder, formattedFolder, kafkaJavaWords, randomId } from '../../test/support/kafka.ts';
import { accepts } from './listening.ts';
import type { Program } from './part.ts';
import type { Ports } from './ports.ts';

/** What the brokers of one topology are made of. */
export interface BrokersOptions {
  readonly names: readonly string[];
  readonly folder: string;
  readonly ports: Ports;
}

/** The listeners of a broker: for clients and for the other controllers. */
export function brokerListeners(names: readonly string[]): string[] {
  return names.flatMap((name) => [name, controllerOf(name)]);
}

/**
 * Formats the folders that are new and tells how the brokers are run. Kafka is fetched first where it is not yet.
 * @throws EmbeddedError `process_failed` when there is none
 */
export async function brokerPrograms(options: BrokersOptions): Promise<Program[]> {
  const javaWords = kafkaJavaWords();
  if (javaWords === undefined)
    throw new EmbeddedError(
      'process_failed',
      'there is no Kafka: it needs Java, and scripts/fetch-kafka.mjs',
    );
  const formatted = await formattedFolder(javaWords, undefined);
  const clusterId = rememberedClusterId(options.folder);
  return options.names.map((name, index) => {
    const home = join(options.folder, name);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    const data = join(home, 'data');
    if (!existsSync(join(data, 'meta.properties')))
      fillDataFolder({ id: index + 1, folder: home }, formatted, clusterId);
    const properties = join(home, 'server.properties');
    writeFileSync(properties, serverProperties(options, index, data), { mode: 0o600 });
    return {
      name,
      executable: 'java',
      args: [...JVM, ...javaWords, 'kafka.Kafka', properties],
      env: { PATH: process.env.PATH },
      isReady: () => accepts(options.ports(name)),
    };
  });
}

/** A heap that holds a test's messages. The first compiler alone: a broker that comes back is to be quick, not fast. */
const JVM = [
  '-Xmx256m',
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

function serverProperties({ names, ports }: BrokersOptions, index: number, dataDir: string): string {
  const copies = Math.min(names.length, 3);
  // All but one copy must have a message before it is acknowledged: one broker may be lost at any moment.
  const copiesMin = Math.max(1, copies - 1);
  const name = names[index]!;
  const voters = names.map((one, n) => `${n + 1}@127.0.0.1:${ports(controllerOf(one))}`);
  return `# Written at every start; changes made here are lost.
process.roles=broker,controller
node.id=${index + 1}
controller.quorum.voters=${voters.join(',')}
listeners=PLAINTEXT://127.0.0.1:${ports(name)},CONTROLLER://127.0.0.1:${ports(controllerOf(name))}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=${dataDir}
auto.create.topics.enable=false
default.replication.factor=${copies}
min.insync.replicas=${copiesMin}
offsets.topic.replication.factor=${copies}
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=${copies}
transaction.state.log.min.isr=${copiesMin}
share.coordinator.state.topic.replication.factor=${copies}
share.coordinator.state.topic.min.isr=${copiesMin}
group.initial.rebalance.delay.ms=500
`;
}

function controllerOf(name: string): string {
  return `${name}-controller`;
}

/** All brokers of a cluster know it by one id. */
function rememberedClusterId(folder: string): string {
  const file = join(folder, 'kafka-cluster-id');
  if (!existsSync(file)) writeFileSync(file, randomId(), { mode: 0o600 });
  return readFileSync(file, 'utf8');
}
