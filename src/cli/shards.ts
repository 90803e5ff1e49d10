/**
 * `sluice shards`: the shard map, and what each database that is listed says of itself.
 *
 * @module
 */
import { LIMITS } from '../config/limits.ts';
import { surveyShard } from '../storage/postgres/shard-survey.ts';
import { type OwnRange, placementFaults, type ShardSurvey, showRanges } from '../storage/shard-map.ts';
import { type Command, loadOptions, readWords } from './command.ts';
import { shardMapOf } from './payments.ts';
import { shardDatabaseUrls } from './services.ts';

/** The command. */
export const shards: Command = {
  name: 'shards',
  usage: '[--json] [--config FILE]',
  summary:
    'Show the shard map, and of each shard database whether it answers, which logical shards it owns, its clock and its tables; fails when one is away or is not what the map says.',
  async run(words, context) {
    const read = readWords(words, [], ['json']);
    const { options } = loadOptions(context.env, read.config);
    const urls = shardDatabaseUrls(options);
    const ranges = await shardMapOf(options);
    const surveyed = await Promise.all(urls.map(surveyShard));
    const databases = surveyed.map((one, index): Listed => {
      const { host, pathname } = new URL(urls[index]!);
      return {
        database: index + 1,
        place: `${host}${pathname}`,
        map: ranges.filter(({ database }) => database === index),
        survey: one.reached ? one.survey : null,
      };
    });
    context.out(
      read.json === true
        ? `${JSON.stringify({ databases: databases.map(shardJson) }, null, 2)}\n`
        : databases.map((one) => `${shardLines(one).join('\n')}\n`).join(''),
    );
    const surveys = databases.map(({ survey }) => survey);
    const faults = [
      ...surveyed.flatMap((one) => (one.reached ? [] : [one.detail])),
      ...placementFaults(ranges, surveys),
      ...databases.flatMap(clockFault),
    ];
    for (const fault of faults) context.err(fault);
    return faults.length === 0 ? 0 : 1;
  },
};

/** A database as it is listed; no survey: it cannot be reached. */
interface Listed {
  database: number;
  /** Host, port and name. */
  place: string;
  map: readonly OwnRange[];
  survey: ShardSurvey | null;
}

function clockFault({ database, survey }: Listed): string[] {
  if (survey === null || Math.abs(survey.hostAheadMs) <= LIMITS.clockDifferenceMsMax) return [];
  return [`the clock of database ${database} differs too much from this host’s: no gateway starts`];
}

function shardJson({ database, place, map, survey }: Listed): object {
  const placed = map.map(({ low, high }) => ({ low, high }));
  if (survey === null) return { database, place, map: placed, reached: false };
  const { owned, hostAheadMs, tables } = survey;
  return { database, place, map: placed, reached: true, owned, hostAheadMs: Math.round(hostAheadMs), tables };
}

function shardLines({ database, place, map, survey }: Listed): string[] {
  const title = `${database}  ${place}`;
  if (survey === null) return [title, `   map ${showRanges(map)}, cannot be reached`];
  const { owned, hostAheadMs, tables } = survey;
  const clock = `${Math.round(Math.abs(hostAheadMs))} ms ${hostAheadMs < 0 ? 'behind' : 'ahead'}`;
  return [
    title,
    `   map ${showRanges(map)}, owns ${showRanges(owned)}`,
    `   this host’s clock is ${clock}`,
    ...tables.map(
      ({ name, bytes, rows }) => `   ${name.padEnd(24)}${showBytes(bytes).padStart(9)}  about ${rows} rows`,
    ),
  ];
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

function showBytes(bytes: number): string {
  const unit = Math.min(Math.floor(Math.log10(Math.max(1, bytes)) / 3), UNITS.length - 1);
  const size = bytes / 1000 ** unit;
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}
