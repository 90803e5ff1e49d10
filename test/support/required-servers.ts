/**
 * Servers that tests need and a machine may lack: what is skipped is said loudly, and is a failure in CI.
 *
 * @module
 */

import { spawnSync } from 'node:child_process';
import { kafkaJavaWords } from './kafka.ts';

/** What is asked whether a server is there, and what brings it. */
interface Requirement {
  isThere: () => boolean;
  remedy: string;
}

const REQUIREMENTS = {
  'redis-server': debian('redis-server', 'redis-server'),
  haproxy: debian('haproxy', 'haproxy'),
  promtool: debian('promtool', 'prometheus'),
  kafka: {
    isThere: () => kafkaJavaWords() !== undefined,
    remedy: 'apt-get install default-jre-headless && node scripts/fetch-kafka.mjs',
  },
} satisfies Record<string, Requirement>;

export type ServerName = keyof typeof REQUIREMENTS;

/**
 * Whether the tests of a server can run. `untested` says what goes untested if not.
 * @throws Error with CI=true, where everything is tested
 */
export function canRun(server: ServerName, untested: string): boolean {
  const { isThere, remedy }: Requirement = REQUIREMENTS[server];
  if (isThere()) return true;
  const notice = `${server} is not installed: ${untested} NOT tested (${remedy})`;
  if (process.env.CI === 'true') throw new Error(notice);
  process.stderr.write(`\n*** ${notice} ***\n\n`);
  return false;
}

function debian(program: string, name: string): Requirement {
  return {
    isThere: () => spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined,
    remedy: `apt-get install ${name}`,
  };
}
