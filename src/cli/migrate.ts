/**
 * `sluice migrate`: brings all databases to the tables of this version.
 *
 * @module
 */
import { type Command, loadOptions, MisuseError, readWords } from './command.ts';
import { migrateAll } from './migrations.ts';
import { migrationTarget } from './services.ts';

/** The command. */
export const migrate: Command = {
  name: 'migrate',
  usage: '[--owner ROLE [--owner-password-file FILE]] [--config FILE]',
  summary:
    'Bring all databases to the tables of this version; --owner owns the tables, the URLs name the service roles.',
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
    return 0;
  },
};
