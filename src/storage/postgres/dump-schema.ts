/**
 * Dump schema: the tables of a database as text, for `schema.sql`, which reviewers read and a test keeps current.
 *
 * Read from the server's own catalogs after the migrations, so it shows what is there and who may do what with it, not
 * what a file meant. pg_dump is not among the embedded binaries; this is no backup, and daily partitions are left out.
 * `npm run schema` writes the file anew.
 *
 * @module
 */

import pg from 'pg';

const TABLES = `
  select c.oid::int as oid, c.relname as name, c.relpersistence = 'u' as unlogged,
         pg_get_partkeydef(c.oid) as "partitionKey", array_to_string(c.reloptions, ', ') as options
  from pg_class c
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  order by c.relname`;

const COLUMNS = `
  select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
         pg_get_expr(d.adbin, d.adrelid) as "defaultValue", a.attidentity as identity
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
  where a.attrelid = $1 and a.attnum > 0 and not a.attisdropped order by a.attnum`;

/** Constraints that say more than NOT NULL. */
const CONSTRAINTS = `
  select pg_get_constraintdef(oid) as definition from pg_constraint
  where conrelid = $1 and contype <> 'n' order by contype = 'p' desc, conname`;

const EXTRAS = `
  select pg_get_indexdef(i.indexrelid) as definition from pg_index i
  where i.indrelid = $1 and not exists (select from pg_constraint where conindid = i.indexrelid)
  union all
  select pg_get_triggerdef(oid) from pg_trigger where tgrelid = $1 and not tgisinternal
  order by definition`;

const GRANTS = `
  select grantee::regrole::text as grantee, string_agg(privilege, ', ' order by privilege) as privileges
  from (
    select (aclexplode(relacl)).grantee, lower((aclexplode(relacl)).privilege_type) as privilege, relowner as owner
    from pg_class where oid = $1
    union all
    select (aclexplode(attacl)).grantee, lower((aclexplode(attacl)).privilege_type) || ' (' || attname || ')', null
    from pg_attribute where attrelid = $1 and attacl is not null
  ) as granted
  where grantee is distinct from owner group by grantee order by 1`;

/** Who may run it. No list at all stands for PostgreSQL's default, which is everybody. */
const FUNCTIONS = `
  select trim(trailing E'\\n' from pg_get_functiondef(p.oid)) || ';' || coalesce((
           select string_agg(format(
                    E'\\nGRANT execute ON FUNCTION %s TO %s;', p.oid::regprocedure,
                    case grantee when 0 then 'PUBLIC' else grantee::regrole::text end), '' order by grantee)
           from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) where grantee <> p.proowner), '') as definition
  from pg_proc p
  where p.pronamespace = 'public'::regnamespace
    and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
  order by p.proname, p.oid::regprocedure::text`;

interface Column {
  name: string;
  type: string;
  notNull: boolean;
  defaultValue: string | null;
  identity: string;
}

interface Table {
  oid: number;
  name: string;
  unlogged: boolean;
  partitionKey: string | null;
  options: string | null;
}

/** The schema of one database as SQL text. */
export async function dumpSchema(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString, application_name: 'sluice dump-schema' });
  await client.connect();
  try {
    const parts: string[] = [];
    for (const table of (await client.query<Table>(TABLES)).rows) parts.push(await dumpTable(client, table));
    for (const text of await definitions(client, FUNCTIONS, [])) parts.push(text);
    return parts.join('\n\n');
  } finally {
    await client.end();
  }
}

async function dumpTable(client: pg.Client, table: Table): Promise<string> {
  const { rows: columns } = await client.query<Column>(COLUMNS, [table.oid]);
  const { rows: grants } = await client.query<{ grantee: string; privileges: string }>(GRANTS, [table.oid]);
  const lines = [...columns.map(columnText), ...(await definitions(client, CONSTRAINTS, [table.oid]))];
  const partitioned = table.partitionKey === null ? '' : ` PARTITION BY ${table.partitionKey}`;
  const options = table.options ? ` WITH (${table.options})` : '';
  const head = `CREATE ${table.unlogged ? 'UNLOGGED ' : ''}TABLE ${table.name}`;
  return [
    `${head} (\n${lines.map((line) => `  ${line}`).join(',\n')}\n)${partitioned}${options};`,
    ...(await definitions(client, EXTRAS, [table.oid])).map((text) => `${text};`),
    ...grants.map(({ grantee, privileges }) => `GRANT ${privileges} ON ${table.name} TO ${grantee};`),
  ].join('\n');
}

async function definitions(client: pg.Client, text: string, values: unknown[]): Promise<string[]> {
  const { rows } = await client.query<{ definition: string }>(text, values);
  return rows.map(({ definition }) => definition);
}

function columnText({ name, type, notNull, defaultValue, identity }: Column): string {
  const more = [
    ...(notNull ? ['NOT NULL'] : []),
    ...(defaultValue === null ? [] : [`DEFAULT ${defaultValue}`]),
    ...(identity === 'a' ? ['GENERATED ALWAYS AS IDENTITY'] : []),
  ];
  return [name, type, ...more].join(' ');
}
