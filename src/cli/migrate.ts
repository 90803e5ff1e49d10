/**
 * `sluice migrate`: brings all databases to the tables of this version and drops what is older than the retention.
 *
 * @module
 */

import { migrateAll } from '../setup/migrations.ts';
import { retireShards } from '../setup/retention.ts';
import { type Command, loadOptions, MisuseError, readWords } from './command.ts';
import { migrationTarget } from './services.ts';

/** The command. */
export const migrate: Command = {
  name: 'migrate',
  usage: '[--owner ROLE [--owner-password-file FILE]] [--config FILE]',
  summary:
    'Bring all databases to the tables of this version and drop partitions past SLUICE_RETENTION_DAYS; --owner owns the tables, the URLs name the service roles.',
  async run(words, context) {
    const read = readWords(words, ['owner', 'owner-password-file']);
    const { options } = loadOptions(context.env, read.config);
    const passwordFile = read['owner-password-file'];
    if (read.owner === undefined && passwordFile !== undefined) {
      throw new MisuseError('--owner-password-file needs --owner');
    }
    const owner = read.owner === undefined ? undefined : { user: read.owner, passwordFile };
    const target = migrationTarget(options, owner);
    for (const { database, applied } of await migrateAll(target.owner, target.roles)) {
      context.out(`${database}: ${applied.length === 0 ? 'up to date' : `applied ${applied.join(', ')}`}\n`);
    }
    const { retentionDays } = options;
    const relays = options.kafka.brokers.length > 0;
    await retireShards(target.owner, { now: new Date(), retentionDays, relays }, context.err);
    return 0;
  },
};
