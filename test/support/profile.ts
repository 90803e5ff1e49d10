/**
 * Profile: what the worlds of a test run stand on besides PostgreSQL, HSM and bank.
 *
 * `SLUICE_TEST_PROFILE` names it; `npm run test:services` and `npm run test:clusters` set it. Whatever the profile, a test says what it
 * says: sessions, limits and callbacks go another way, and a gateway is two processes where the profile says so.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { startKafka } from './kafka.ts';
import { startRedis, startRedisCluster } from './redis.ts';

export interface Profile {
  /** Redis servers; three are a cluster. None: sessions are in PostgreSQL. */
  redis: 0 | 1 | 3;
  /** Kafka brokers. None: callbacks go to their actor at once. */
  brokers: 0 | 1 | 3;
  /** Shard databases of a world that names no number. */
  shards: number;
  /** Whether each shard database has a server of its own. */
  servers: 'one' | 'each';
  /** Processes of what a test starts as one gateway. */
  twins: boolean;
}

type ProfileName = 'embedded' | 'services' | 'clusters';

const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  embedded: { redis: 0, brokers: 0, shards: 2, servers: 'one', twins: false },
  services: { redis: 1, brokers: 1, shards: 3, servers: 'each', twins: true },
  clusters: { redis: 3, brokers: 3, shards: 2, servers: 'one', twins: false },
};

/** Names the brokers that all worlds of a vitest run share, which starting takes longest of all; a world's topics have a prefix. */
export const SHARED_BROKERS = 'SLUICE_TEST_BROKERS';

const NAME = readName(process.env.SLUICE_TEST_PROFILE || 'embedded');

/** The profile of this run. */
export const PROFILE = PROFILES[NAME];

function readName(name: string): ProfileName {
  if (Object.hasOwn(PROFILES, name)) return name as ProfileName;
  throw new Error(`SLUICE_TEST_PROFILE is ${name} and must be one of ${Object.keys(PROFILES).join(', ')}`);
}

/** Whether tests are not for this run's profile. The runner counts them as skipped, and `why` is said. */
export function skippedIn(profiles: readonly ProfileName[], why: string): boolean {
  const skipped = profiles.includes(NAME);
  if (skipped) console.log(`SKIPPED in the profile ${NAME}: ${why}`);
  return skipped;
}

/** The servers of a profile, and how a gateway is told of them. */
export interface ProfileServers {
  env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts Redis and Kafka as the profile has them; brokers that the run's worlds share are not started again. */
export async function startProfileServers(profile: Profile): Promise<ProfileServers> {
  const started: { stop(): Promise<void> }[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((one) => one.stop()));
  };
  const env: Record<string, string> = {};
  try {
    if (profile.redis === 1) {
      const redis = await startRedis();
      started.push(redis);
      env.SLUICE_REDIS_URL = redis.url;
    }
    if (profile.redis === 3) {
      const redis = await startRedisCluster();
      started.push(redis);
      env.SLUICE_REDIS_URL = redis.urls.join(',');
    }
    if (profile.brokers !== 0) {
      let brokers = process.env[SHARED_BROKERS];
      if (brokers === undefined) {
        const kafka = await startKafka({ brokers: profile.brokers });
        started.push(kafka);
        brokers = kafka.brokers.join(',');
      }
      env.SLUICE_KAFKA_BROKERS = brokers;
      env.SLUICE_KAFKA_PARTITIONS = '6';
      env.SLUICE_KAFKA_PREFIX = `world-${randomBytes(6).toString('hex')}-`;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { env, stop };
}
