/**
 * `sluice bus`: how far the gateways are behind on Kafka, and what is parked there; `sluice bus parked`: the parked messages one by one,
 * or sent again.
 *
 * No message's value is shown: it is on the topic, for whoever may read it.
 *
 * @module
 */
import { type Inspection, openInspection, type ParkedMessage } from '../bus/kafka/inspect.ts';
import {
  type Command,
  type CommandContext,
  type ExitCode,
  loadOptions,
  MisuseError,
  readWords,
} from './command.ts';
import { printable, showTime } from './payments.ts';

/** `sluice bus`. */
export const bus: Command = {
  name: 'bus',
  usage: '[--json] [--config FILE]',
  summary:
    'Show how many messages of each Kafka partition the gateways have not committed, and how many are parked; --json: one JSON value.',
  async run(words, context) {
    const read = readWords(words, [], ['json']);
    return await withKafka(context, read.config, async (inspection) => {
      const [lags, parked] = await Promise.all([inspection.lags(), inspection.parkedWaiting()]);
      if (read.json === true) {
        context.out(`${JSON.stringify({ lags, parked })}\n`);
        return 0;
      }
      for (const { topic, partition, lag } of lags) context.out(`${topic}  ${partition}  ${lag}\n`);
      const behind = lags.reduce((sum, { lag }) => sum + lag, 0);
      context.out(`not committed: ${behind}, parked: ${parked}\n`);
      return 0;
    });
  },
};

/** `sluice bus parked`. */
export const busParked: Command = {
  name: 'bus parked',
  usage: '[--replay] [--config FILE]',
  summary:
    'List the messages that could not be applied, with the reason and where they were; --replay: send each to its topic again.',
  async run(words, context) {
    const read = readWords(words, [], ['replay']);
    const replay = read.replay === true;
    return await withKafka(context, read.config, async (inspection) => {
      let count = 0;
      const show = (message: ParkedMessage): void => {
        count++;
        context.out(`${parkedLine(message)}\n`);
      };
      await inspection.readParked(show, { replay });
      context.out(`${replay ? 'sent again' : 'parked'}: ${count}\n`);
      return 0;
    });
  },
};

/** What the brokers answer when they are away or have no such topic is said in one line. */
async function withKafka(
  { env, err }: CommandContext,
  configFile: string | undefined,
  work: (inspection: Inspection) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { kafka } = loadOptions(env, configFile).options;
  if (kafka.brokers.length === 0)
    throw new MisuseError('SLUICE_KAFKA_BROKERS is needed: without it the bus is in PostgreSQL');
  const inspection = openInspection(kafka, 'sluice-cli', () => undefined);
  try {
    return await work(inspection);
  } catch (error) {
    err(`Kafka at ${kafka.brokers.join(', ')}: ${(error as Error).message}`);
    return 1;
  } finally {
    await inspection.close();
  }
}

function parkedLine({ key, reason, topic, partition, offset, parkedAt }: ParkedMessage): string {
  return `${printable(key)}  ${showTime(parkedAt)}  ${printable(reason)}  ${printable(topic)} ${partition} ${printable(offset)}`;
}
