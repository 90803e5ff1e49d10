/**
 * postgresql.conf of the embedded cluster, whole: it is written anew at every start, so what stands here is what runs.
 *
 * Promise 1 of the design lives here: fsync, synchronous_commit and full_page_writes are on and are no option.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** What the file depends on. */
export interface PostgresConfFacts {
  /** Folder of PostgreSQL's shared libraries, to see whether pg_stat_statements came with the package. */
  readonly libraryDir: string;
  /** Absolute folder for the server's log files. */
  readonly logDir: string;
  readonly port: number;
  readonly totalMemoryBytes: number;
}

const MEBIBYTE = 1024 * 1024;
const SHARED_BUFFERS_MAX_MIB = 512;

/** The text of postgresql.conf. */
export function postgresConf(facts: PostgresConfFacts): string {
  // 512 MB, but no more than a quarter of a small machine.
  const quarterMib = Math.floor(facts.totalMemoryBytes / 4 / MEBIBYTE);
  const sharedBuffersMib = Math.max(64, Math.min(SHARED_BUFFERS_MAX_MIB, quarterMib));
  const statements = existsSync(join(facts.libraryDir, 'pg_stat_statements.so'));
  return `# Written by sluice at every start; changes made here are lost.

# Loopback TCP only, passwords only; see pg_hba.conf.
listen_addresses = '127.0.0.1'
port = ${facts.port}
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 200

# Durability: a commit that returned is on disk.
fsync = on
synchronous_commit = on
full_page_writes = on

# Group commits write large WAL records in bursts: room for a burst, and checkpoints far apart and spread out,
# since each checkpoint makes the next change of every page a full-page image. Compressing those images is off: these binaries
# carry neither lz4 nor zstd, and pglz takes processor time a two-core machine needs elsewhere.
shared_buffers = ${sharedBuffersMib}MB
wal_buffers = 16MB
wal_compression = off
max_wal_size = 4GB
min_wal_size = 512MB
checkpoint_timeout = 15min
checkpoint_completion_target = 0.9

# Turn statements are short and prepared once: compiling them costs more than it saves.
jit = off
effective_cache_size = ${sharedBuffersMib * 4}MB
random_page_cost = 1.1
${statements ? "shared_preload_libraries = 'pg_stat_statements'\npg_stat_statements.track_utility = off\n" : ''}
# Hot tables take thousands of inserts and HOT updates a second. The default of 20 % dead rows would let a partition grow by
# millions of rows before a first pass, whose long scan would then be felt; small and frequent passes are not. The cost limit keeps one
# pass from taking a disk to itself.
autovacuum = on
autovacuum_naptime = 15s
autovacuum_max_workers = 3
autovacuum_vacuum_scale_factor = 0.05
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05
autovacuum_vacuum_cost_limit = 1000

# A client that vanished without a goodbye must not hold locks or a connection for long.
tcp_keepalives_idle = 30
tcp_keepalives_interval = 10
tcp_keepalives_count = 3
client_connection_check_interval = 5s

# The log tells of the server, never of values: no statements, no parameters, and no statement's error, whose message often quotes
# the value it refused. Errors reach the client that caused them, and the gateway logs their codes.
log_min_messages = log
logging_collector = on
log_directory = '${facts.logDir.replaceAll("'", "''")}'
log_filename = 'postgresql-%H.log'
log_file_mode = 0600
log_rotation_age = 1h
log_rotation_size = 0
log_truncate_on_rotation = on
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %d %e '
log_statement = none
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_error_verbosity = terse
log_checkpoints = on
log_autovacuum_min_duration = 10s

timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.simple'
`;
}

/** The text of pg_hba.conf: TCP from loopback with a password, nothing else. */
export const POSTGRES_HBA = `# Written by sluice at every start; changes made here are lost.
host all all 127.0.0.1/32 scram-sha-256
`;
