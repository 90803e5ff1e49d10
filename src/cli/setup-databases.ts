/**
 * `sluice setup databases`: makes the roles and databases that the database URLs name, where there are none yet.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { ensureServiceDatabases, type Login } from '../storage/postgres/service-databases.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';

/** The command. */
export const setupDatabases: Command = {
  name: 'setup databases',
  usage:
    '--superuser ROLE --superuser-password-file FILE --owner ROLE --owner-password-file FILE [--config FILE]',
  summary:
    'Make the roles and databases that the database URLs name, with the passwords they name; the superuser is of the servers, the owner owns the databases. Next: migrate --owner.',
  async run(words, context) {
    const names = ['superuser', 'superuser-password-file', 'owner', 'owner-password-file'] as const;
    const read = readWords(words, names);
    const superuser = login('--superuser', read.superuser, read['superuser-password-file']);
    const owner = login('--owner', read.owner, read['owner-password-file']);
    const { databases } = loadOptions(context.env, read.config).options;
    if (databases === undefined) throw new MisuseError('SLUICE_CONTROL_DATABASE_URL is needed');
    for (const { database, made } of await ensureServiceDatabases(databases, superuser, owner)) {
      context.out(`${database}: ${made ? 'made' : 'is there'}\n`);
    }
    return 0;
  },
};

/** Passwords come from a file, since command lines can be read by every user of the host. */
function login(option: string, user: string | undefined, passwordFile: string | undefined): Login {
  const name = required(option, user);
  const file = required(`${option}-password-file`, passwordFile);
  try {
    return { user: name, password: readFileSync(file, 'utf8').trim() };
  } catch (error) {
    throw new MisuseError(
      `${option}-password-file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`,
    );
  }
}
