/**
 * Vitest's global set-up: the brokers that all worlds of a run share, where the run's profile has any.
 *
 * @module
 */

import { startKafka } from './kafka.ts';
import { PROFILE, SHARED_BROKERS } from './profile.ts';

/** Starts them and resolves with what stops them; the processes of test files inherit the environment. */
export default async function setUp(): Promise<(() => Promise<void>) | undefined> {
  if (PROFILE.brokers === 0) return undefined;
  const kafka = await startKafka({ brokers: PROFILE.brokers });
  process.env[SHARED_BROKERS] = kafka.brokers.join(',');
  return () => kafka.stop();
}
