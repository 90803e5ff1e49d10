/**
 * Moody receiver: a merchant's endpoints that verify each webhook with an independent package, write down what came, and fail an
 * event's first try now and then.
 *
 * @module
 */

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { pause } from '../support/eventually.ts';

/** What an endpoint does with a try: takes it, or one of its failures. Never 410, which would be the end of it. */
export type Mood = 'takes' | '500' | 'reset' | '429' | 'late' | 'hangs';

/** A try that arrived. */
export interface Arrival {
  /** `evt_…`. */
  id: string;
  /** The last part of the endpoint's path. */
  endpoint: string;
  body: string;
  mood: Mood;
  /** When it was answered with 204, ms since 1970; null when it was not. */
  acceptedAt: number | null;
}

export interface MoodyReceiver {
  /** Of an endpoint named so. */
  url(endpoint: string): string;
  /** From now on its tries are verified; one that comes before is refused. */
  open(endpoint: string, secret: string): void;
  readonly arrivals: readonly Arrival[];
  /** Tries whose signature was not right. */
  readonly refused: readonly string[];
  close(): Promise<void>;
}

/** Shares of the first tries of events. A 429 pauses the endpoint for five seconds, a hang leaves it one try at a time: few of them. */
const MOODS: ReadonlyArray<[Mood, number]> = [
  ['500', 0.12],
  ['reset', 0.12],
  ['429', 0.01],
  ['late', 0.02],
  ['hangs', 0.004],
];
/** Every answer takes a moment, so that gateways are killed in the middle of deliveries. */
const ANSWER_MS_MAX = 60;
/** Longer than a delivery is waited for before it is parked. */
const LATE_MS = 1500;
const RETRY_AFTER_SECONDS_MAX = 3;

/**
 * Listens on a free port of loopback.
 * @param parks whether it is also late and hangs: a parked delivery whose gateway is killed comes again after half a minute only
 */
export async function startMoodyReceiver(random: () => number, parks: boolean): Promise<MoodyReceiver> {
  const secrets = new Map<string, Webhook>();
  const arrivals: Arrival[] = [];
  const refused: string[] = [];
  /** Events with an endpoint that have had their mood: the next try is taken. */
  const failed = new Set<string>();

  function moodOf(name: string): Mood {
    if (failed.has(name)) return 'takes';
    let drawn = random();
    for (const [mood, share] of MOODS) {
      drawn -= share;
      if (drawn >= 0 || (!parks && (mood === 'late' || mood === 'hangs'))) continue;
      failed.add(name);
      return mood;
    }
    return 'takes';
  }

  async function take(
    endpoint: string,
    headers: IncomingHttpHeaders,
    body: string,
    response: ServerResponse,
  ) {
    const id = String(headers['webhook-id']);
    try {
      secrets.get(endpoint)!.verify(body, headers as Record<string, string>);
    } catch (error) {
      refused.push(`${id} at ${endpoint}: ${String(error)}`);
      response.writeHead(401).end();
      return;
    }
    const arrival: Arrival = { id, endpoint, body, mood: moodOf(`${id} ${endpoint}`), acceptedAt: null };
    arrivals.push(arrival);
    await pause(arrival.mood === 'late' ? LATE_MS : random() * ANSWER_MS_MAX);
    switch (arrival.mood) {
      case 'hangs':
        return;
      case 'reset':
        response.socket?.resetAndDestroy();
        return;
      case '500':
        response.writeHead(500).end();
        return;
      case '429': {
        const seconds = 1 + Math.floor(random() * RETRY_AFTER_SECONDS_MAX);
        response.writeHead(429, { 'retry-after': String(seconds) }).end();
        return;
      }
      default:
        arrival.acceptedAt = Date.now();
        response.writeHead(204).end();
    }
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    // A gateway that is killed breaks off: what has not come whole has not come.
    request.on('error', () => response.destroy());
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const endpoint = request.url!.slice(request.url!.lastIndexOf('/') + 1);
      void take(endpoint, request.headers, Buffer.concat(chunks).toString(), response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: (endpoint) => `http://127.0.0.1:${port}/hooks/${endpoint}`,
    open(endpoint, secret) {
      secrets.set(endpoint, new Webhook(secret));
    },
    arrivals,
    refused,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
