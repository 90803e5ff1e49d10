/**
 * Single request: the load of scenarios that send one kind of request over and over.
 *
 * Closed loops go through autocannon, as SREs know it. Open loops go through our own: at a rate autocannon sends each second's
 * requests in one burst at the second's start and then pauses, which is neither a schedule nor the latency of one.
 *
 * @module
 */

import autocannon from 'autocannon';
import { type ArrivalOptions, arrive, type Load } from './arrivals.ts';
import type { Answer } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import type { Measurement, Step } from './measurement.ts';
import { REQUEST_TIMEOUT_MS, type Scenario, type ScenarioContext } from './scenario.ts';
import { durationMsOf, warmUpMsOf } from './schedule.ts';
import { causeOf, type LooseRequest } from './wire.ts';

/** One kind of request. A sending of it is known by a number of the scenario's. */
export interface SingleRequest {
  readonly step: Step;
  readonly method: 'GET' | 'POST';
  /** The status that is well. */
  readonly status: number;
  /** One more is about to be sent. */
  begin(): number;
  /** As a whole text. */
  text(n: number): string;
  /** For a client that writes its own head. */
  loose(n: number): LooseRequest;
  /** Told of every answer. */
  heard(n: number, answer: Answer): void;
}

/** A scenario of that request. */
export function openRequests(context: ScenarioContext, request: SingleRequest): Scenario {
  const { apiUrl, connectionsMax } = context;
  const pool = new ConnectionPool(apiUrl, { connectionsMax, requestTimeoutMs: REQUEST_TIMEOUT_MS });
  const hear = (n: number, answer: Answer, dueMs: number, measurement: Measurement): boolean => {
    const nowMs = performance.now();
    const tally = measurement.of(dueMs);
    tally.offer(dueMs);
    request.heard(n, answer);
    const well = answer.status === request.status;
    if (well) {
      tally.answered(request.step, dueMs, nowMs);
      tally.complete(nowMs);
    } else tally.fail(causeOf(request.step, answer), answer.body, nowMs);
    return well;
  };
  return {
    async run(load: Load, options: ArrivalOptions, measurement: Measurement) {
      if (load.kind === 'concurrency') {
        await runAutocannon(apiUrl, request, load.inFlight, options, measurement, hear);
        return;
      }
      const begin = async (dueMs: number) => {
        const n = request.begin();
        return hear(n, await pool.request(request.text(n)), dueMs, measurement);
      };
      await arrive(load, options, begin, measurement);
    },
    close: () => pool.close(),
  };
}

type Hear = (n: number, answer: Answer, dueMs: number, measurement: Measurement) => boolean;

function runAutocannon(
  url: string,
  request: SingleRequest,
  connections: number,
  { phases, signal }: ArrivalOptions,
  measurement: Measurement,
  hear: Hear,
): Promise<void> {
  measurement.begin(performance.now(), warmUpMsOf(phases));
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections,
        duration: Math.ceil(durationMsOf(phases) / 1000),
        timeout: REQUEST_TIMEOUT_MS / 1000,
        setupClient: (client) => setUpClient(client, request, measurement, hear),
      },
      (error: Error | null) => {
        signal.removeEventListener('abort', stop);
        measurement.endWindow(performance.now());
        if (error) reject(error);
        else resolve();
      },
    );
    const stop = () => instance.stop();
    signal.addEventListener('abort', stop, { once: true });
    instance.on('reqError', (error: Error) => {
      const nowMs = performance.now();
      const tally = measurement.of(nowMs);
      tally.offer(nowMs);
      tally.fail(
        `${request.step} ${(error as NodeJS.ErrnoException | undefined)?.code ?? 'timeout'}`,
        '',
        nowMs,
      );
    });
  });
}

/**
 * Gives one of autocannon's clients its requests, each made when it is about to be sent, and hears its answers by events:
 * autocannon's own onResponse takes every header apart, which costs as much as the request.
 */
function setUpClient(
  client: autocannon.Client,
  request: SingleRequest,
  measurement: Measurement,
  hear: Hear,
): void {
  let [underWay, received] = [-1, ''];
  client.setRequests([
    {
      method: request.method,
      setupRequest: (built: autocannon.Request) => {
        underWay = request.begin();
        received = '';
        return { ...built, ...request.loose(underWay) };
      },
    },
  ]);
  client.on('body', (chunk) => {
    received += chunk.toString('latin1');
  });
  client.on('response', (status, _bytes, latencyMs) => {
    const answer = { status, body: received, location: '', retryAfter: '', fault: null };
    hear(underWay, answer, performance.now() - latencyMs, measurement);
  });
}
