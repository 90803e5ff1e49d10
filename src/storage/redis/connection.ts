/**
 * The connection of one thread to Redis, alone or as a cluster: sessions and shared rate limits use the same one.
 *
 * Commands of one tick go to each server in one write. A server that is dead or silent costs those who wait for it at most a second; from
 * then on whatever needs that server is refused at once, and nothing is queued for it, while one small write at a time, further and further
 * apart, asks whether it is back. Servers are watched one by one: of a cluster the others' keys go on.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { Cluster, Command, Redis } from 'ioredis';
import { errorCode, isAway, isRedirected, RedisAway, RedisRefused } from './errors.ts';
import { createLine, type Line } from './line.ts';

/** After which a server is away that was asked and says nothing. */
const SILENT_MS = 1000;
/** After which its connection is given up as well: the next may reach a server that took its address over. */
const SOCKET_SILENT_MS = 1500;
const CONNECT_TIMEOUT_MS = 2000;
/** How long a thread that starts waits to know whether Redis is there. */
const OPENED_MS_MAX = 3000;
const RETRY_MS_MAX = 1000;
/** A cluster is asked so often who holds what: a failover is noticed without anybody being redirected. */
const SLOTS_REFRESH_MS = 2000;
/** Calls under way at one server; over it the next is refused. */
const CALLS_MAX = 16_384;
/** Servers watched; over it those that nobody waits for are forgotten, as after years of failovers. */
const LINES_MAX = 64;

/** Different reasons of one loss that are told. */
const REASONS_MAX = 5;

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`; several are the seeds of a cluster, with the first one's user and password. */
  urls: readonly string[];
  /** PEM file of who signs the servers' certificates, for `rediss://`. Undefined: the system's. */
  caFile: string | undefined;
  /** Hears why a connection was lost or cannot be made, each reason once until there is one again. */
  onLost?(error: Error): void;
  /** Hears how many servers are away, whenever that changes. */
  onAway?(servers: number): void;
  /** Hears of every call that failed or was refused. */
  onCommandFailed?(): void;
}

export interface RedisConnection {
  readonly client: Redis | Cluster;
  /** Resolves when the first try has succeeded or failed, after three seconds at the latest. */
  readonly opened: Promise<void>;
  /** True when nothing about this key can be asked now. */
  isAway(key: string): boolean;
  /**
   * Asks something about one key; until `opened` it waits for that.
   * @param ask sends one command, through `client`
   * @throws {RedisAway} the key's server is dead or silent; any other error is the server's own word
   */
  call<Answer>(key: string, ask: () => Promise<Answer>): Promise<Answer>;
  /** One command about a key, by name, followed to where a cluster has moved the key. Throws as `call` does. */
  command(key: string, name: string, ...more: (string | number)[]): Promise<unknown>;
  /**
   * Resolves when every master answers and none would evict keys.
   * @throws {RedisRefused} one would, and is not to be used; {@link RedisAway}: one does not answer
   */
  check(): Promise<void>;
  close(): void;
}

/** Connects in the background. Throws when the options cannot be right, or the file of `caFile` cannot be read. */
export function connectRedis(options: RedisConnectionOptions): RedisConnection {
  const { onAway, onCommandFailed } = options;
  const client = createClient(options);
  tellLosses(client, options.onLost);
  let isOpen = false;
  const opened = openedWithin(client, OPENED_MS_MAX).then(() => {
    isOpen = true;
  });
  /** By server. */
  const lines = new Map<string, Line>();
  let away = 0;

  function lineOf(key: string): Line {
    const server = serverOf(client, key);
    const known = lines.get(server);
    if (known !== undefined) return known;
    if (lines.size >= LINES_MAX) for (const [name, { idle }] of lines) if (idle) lines.delete(name);
    const line = createLine({
      silentMs: SILENT_MS,
      waitingMax: CALLS_MAX,
      // Of the same slot as the key, and a write, so that a replica is not taken for a master.
      probe: async () => void (await client.del(`probe:{${key}}`)),
      onAway: (isAwayNow) => {
        away += isAwayNow ? 1 : -1;
        onAway?.(away);
      },
    });
    lines.set(server, line);
    return line;
  }

  function call<Answer>(key: string, ask: () => Promise<Answer>): Promise<Answer> {
    if (!isOpen) return opened.then(() => call(key, ask));
    const answer = lineOf(key).run(ask);
    if (onCommandFailed !== undefined) answer.catch(onCommandFailed);
    return answer;
  }

  function command(key: string, name: string, ...more: (string | number)[]): Promise<unknown> {
    const args = [key, ...more];
    const answer = call(key, () => client.call(name, args));
    return client instanceof Cluster
      ? answer.catch((error) => follow(client, key, name, args, error))
      : answer;
  }

  /** A batch of which each command is sent elsewhere is not followed by the client; a command alone is. */
  function follow(
    cluster: Cluster,
    key: string,
    name: string,
    args: (string | number)[],
    error: unknown,
  ): Promise<unknown> {
    if (!isRedirected(error)) throw error;
    cluster.refreshSlotsCache();
    const alone = new Command(name, args, { replyEncoding: 'utf8' });
    return call(key, async () => await cluster.sendCommand(alone));
  }

  return {
    client,
    opened,
    isAway: (key) => !isOpen || lines.get(serverOf(client, key))?.away === true,
    call,
    command,
    check: async () => {
      await opened;
      await checkPolicies(client);
      if (away > 0) throw new RedisAway(`${away} of Redis' servers cannot be reached`);
    },
    close: () => {
      for (const line of lines.values()) line.close();
      client.disconnect();
    },
  };
}

function createClient({ urls, caFile }: RedisConnectionOptions): Redis | Cluster {
  const [first] = urls;
  if (first === undefined) throw new RangeError('at least one Redis URL is needed');
  const { username, password, protocol } = new URL(first);
  const common = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_SILENT_MS,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectionName: 'sluice',
    ...(protocol === 'rediss:' && { tls: tlsOptions(caFile) }),
  };
  // Half of the time by chance, so that a fleet does not come back in one instant.
  const retry = (attempt: number): number =>
    Math.min(50 * 2 ** Math.min(attempt, 10), RETRY_MS_MAX) * (0.5 + Math.random() / 2);
  const queueing = { enableAutoPipelining: true, enableOfflineQueue: false };
  if (urls.length === 1) {
    return new Redis(first, {
      ...common,
      ...queueing,
      retryStrategy: retry,
      // The old master after a failover: whoever answers at the address now is the new one.
      reconnectOnError: (error) => errorCode(error) === 'READONLY',
    });
  }
  return new Cluster(urls.map(seedOf), {
    ...queueing,
    clusterRetryStrategy: retry,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // A dead server is refused at once and probed by its line; the client's own tries would be made by those who wait.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    redisOptions: {
      ...common,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
    },
  });
}

/** Not the URL itself: of a `rediss://` one the client would make TLS of its own, without the named authority. */
function seedOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379) };
}

function tlsOptions(caFile: string | undefined): ConnectionOptions {
  // Said here because the environment could say less (NODE_TLS_REJECT_UNAUTHORIZED).
  const strict = { minVersion: 'TLSv1.3', rejectUnauthorized: true } as const;
  return { ...strict, ...(caFile !== undefined && { ca: readFileSync(caFile) }) };
}

/** Also: without a listener a lost connection would end the process. Each command is refused by itself. */
function tellLosses(client: Redis | Cluster, onLost: (error: Error) => void = () => undefined): void {
  const told = new Set<string>();
  const tell = (error: Error): void => {
    if (told.has(error.message) || told.size >= REASONS_MAX) return;
    told.add(error.message);
    onLost(error);
  };
  client.on('error', tell);
  // Of a cluster's single servers; told by `onAway` as well, once somebody needs them.
  if (client instanceof Cluster) client.on('node error', tell);
  client.on('ready', () => told.clear());
}

function openedWithin(client: Redis | Cluster, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      for (const event of ['ready', 'close', 'end']) client.off(event, settle);
      resolve();
    };
    const timer = setTimeout(settle, withinMs);
    for (const event of ['ready', 'close', 'end']) client.on(event, settle);
  });
}

/** Name of the server that holds a key, as far as this client knows. */
function serverOf(client: Redis | Cluster, key: string): string {
  if (!(client instanceof Cluster)) return 'alone';
  const slot = new Command('get', [key]).getSlot();
  return client.slots[slot ?? 0]?.[0] ?? 'unknown';
}

async function checkPolicies(client: Redis | Cluster): Promise<void> {
  const nodes = client instanceof Cluster ? client.nodes('master') : [client];
  if (nodes.length === 0) throw new RedisAway('the Redis cluster has no master that can be reached');
  const answers = await Promise.allSettled(nodes.map(evictionPolicy));
  // A wrong policy is told even while another master is away: it does not heal by itself.
  for (const answer of answers) {
    if (answer.status === 'rejected' || answer.value === 'noeviction') continue;
    throw new RedisRefused(
      `SLUICE_REDIS_URL: maxmemory-policy is ${answer.value} and must be noeviction, or open sessions are lost under load`,
    );
  }
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed === undefined) return;
  if (isAway(failed.reason)) throw new RedisAway('Redis cannot be reached', failed.reason);
  throw failed.reason;
}

/** From INFO, which hosted servers allow where they forbid CONFIG. */
async function evictionPolicy(node: Redis): Promise<string> {
  return /^maxmemory_policy:(\S+)/m.exec(await node.info('memory'))?.[1] ?? 'unknown';
}
