/**
 * Service databases: makes the roles and databases an installation's connection strings name, on servers that have none yet.
 *
 * The owner owns the databases and later the tables; a service role may connect to its own database and to no other. What is there is
 * kept, but passwords follow the connection strings: that is how they are changed. A role or database that cannot be ours, since it has
 * more rights or another owner, is refused before anything is changed on its server: a name may be somebody else's.
 *
 * @module
 */
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import type { Databases } from '../../config/options.ts';

/** A login role. */
export interface Login {
  readonly user: string;
  readonly password: string;
}

/** Made, or there already. */
export interface EnsuredDatabase {
  readonly database: string;
  readonly made: boolean;
}

/** A person or a one-shot service waits; a server that does not answer in this time is started again with us. */
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Makes what is missing, server by server, in the order control, vault, shards.
 * @param services connection strings of the service roles, each with user, password and database
 * @param superuser logs in to every server's database `postgres`
 */
export async function ensureServiceDatabases(
  services: Databases,
  superuser: Login,
  owner: Login,
): Promise<readonly EnsuredDatabase[]> {
  const { control, vault, shards } = services;
  refuseSharedRoles(services, superuser, owner);
  const done: EnsuredDatabase[] = [];
  for (const text of [control, ...(vault === undefined ? [] : [vault]), ...shards]) {
    done.push(await ensureServiceDatabase(new URL(text), superuser, owner));
  }
  return done;
}

async function ensureServiceDatabase(service: URL, superuser: Login, owner: Login): Promise<EnsuredDatabase> {
  const database = decodeURIComponent(service.pathname.slice(1));
  const login = {
    user: decodeURIComponent(service.username),
    password: decodeURIComponent(service.password),
  };
  const admin = new Client({
    connectionString: asSuperuser(service, superuser),
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  await admin.connect();
  try {
    await admin.query(KEEP_PASSWORDS_OUT_OF_LOGS);
    for (const { user } of [owner, login]) await refuseMightyRole(admin, user);
    await refuseOthersDatabase(admin, database, owner.user);
    await ensureLogin(admin, owner);
    await ensureLogin(admin, login);
    return { database, made: await ensureDatabase(admin, database, owner.user, login.user) };
  } finally {
    await admin.end();
  }
}

/** A password is part of the statement that sets it. */
const KEEP_PASSWORDS_OUT_OF_LOGS =
  "set log_statement = 'none'; set log_min_duration_statement = -1; set log_min_error_statement = 'panic'";

/** One role for two parts has the rights of both, and a service that owns its tables has every right. */
function refuseSharedRoles({ control, vault, shards }: Databases, superuser: Login, owner: Login): void {
  const userOf = (text: string): string => decodeURIComponent(new URL(text).username);
  const users = [control, ...(vault === undefined ? [] : [vault]), ...shards].map(userOf);
  for (const user of [...users, owner.user]) {
    if (user === superuser.user) throw new Error(`the role ${user} is the superuser: name another`);
  }
  if (users.includes(owner.user)) {
    throw new Error(`the role ${owner.user} owns the databases: a service needs one of its own`);
  }
  const others = [control, ...shards].map(userOf);
  if (vault !== undefined && others.includes(userOf(vault))) {
    throw new Error(`the role ${userOf(vault)} is the vault's: nobody else may have it`);
  }
}

const MIGHTY = `select 1 from pg_roles
where rolname = $1 and (rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls)`;

async function refuseMightyRole(admin: Client, user: string): Promise<void> {
  const { rowCount } = await admin.query(MIGHTY, [user]);
  if (rowCount !== 0) {
    throw new Error(`the role ${user} is there and has rights that Sluice gives to none: name another`);
  }
}

async function refuseOthersDatabase(admin: Client, name: string, owner: string): Promise<void> {
  const { rows } = await admin.query<{ owner: string }>(
    'select pg_get_userbyid(datdba) as owner from pg_database where datname = $1',
    [name],
  );
  if (rows.some((found) => found.owner !== owner)) {
    throw new Error(
      `the database ${name} is there and belongs to ${rows[0]!.owner}, not to ${owner}: name another`,
    );
  }
}

/** The same server with the same parameters, TLS above all. */
function asSuperuser(service: URL, { user, password }: Login): string {
  const url = new URL(service.href);
  url.username = encodeURIComponent(user);
  url.password = encodeURIComponent(password);
  url.pathname = '/postgres';
  return url.href;
}

/** DDL takes no parameters: names and passwords are quoted. */
async function ensureLogin(admin: Client, { user, password }: Login): Promise<void> {
  const { rowCount } = await admin.query('select 1 from pg_roles where rolname = $1', [user]);
  const verb = rowCount === 0 ? 'create' : 'alter';
  await admin.query(
    `${verb} role ${escapeIdentifier(user)} login nosuperuser nocreatedb nocreaterole password ${escapeLiteral(password)}`,
  );
}

async function ensureDatabase(admin: Client, name: string, owner: string, service: string): Promise<boolean> {
  const { rowCount } = await admin.query('select 1 from pg_database where datname = $1', [name]);
  const database = escapeIdentifier(name);
  if (rowCount === 0) await admin.query(`create database ${database} owner ${escapeIdentifier(owner)}`);
  await admin.query(`revoke all on database ${database} from public`);
  await admin.query(`grant connect on database ${database} to ${escapeIdentifier(service)}`);
  return rowCount === 0;
}
