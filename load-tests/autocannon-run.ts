/**
 * Autocannon run: one closed loop of one request by autocannon, counted into our measurement.
 *
 * Only closed loops go through autocannon: at a rate it sends each second's requests in one burst at the second's start and then
 * pauses, which is neither the schedule nor the latency of a schedule (arrivals.ts has an open loop).
 *
 * @module
 */

import autocannon from 'autocannon';
import type { ArrivalOptions } from './arrivals.ts';
import type { Answer } from './connection.ts';
import type { Measurement } from './measurement.ts';
import { REQUEST_TIMEOUT_MS } from './scenario.ts';

/** One kind of request. */
export interface CannonRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  /** A new body for each request. */
  readonly body?: () => string;
}

/**
 * Sends requests on `connections` connections for the duration.
 * @param onAnswer told of each answer and its latency in ms; body has one character a byte
 */
export function runAutocannon(
  request: CannonRequest,
  connections: number,
  options: ArrivalOptions,
  measurement: Measurement,
  onAnswer: (answer: Answer, latencyMs: number) => void,
): Promise<void> {
  const { url, method, headers, body } = request;
  return new Promise((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections,
        duration: Math.ceil(options.durationMs / 1000),
        timeout: REQUEST_TIMEOUT_MS / 1000,
        setupClient: (client) => collectAnswers(client, measurement, onAnswer),
        requests: [
          {
            method,
            headers: { ...headers },
            ...(body === undefined
              ? {}
              : { setupRequest: (built: autocannon.Request) => ({ ...built, body: body() }) }),
          },
        ],
      },
      (error: Error | null) => {
        options.signal.removeEventListener('abort', stop);
        measurement.endWindow(performance.now());
        if (error) reject(error);
        else resolve();
      },
    );
    const stop = () => instance.stop();
    options.signal.addEventListener('abort', stop, { once: true });
    instance.on('reqError', (error: Error) => {
      measurement.offered += 1;
      measurement.fail(
        `request ${(error as NodeJS.ErrnoException)?.code ?? 'timeout'}`,
        '',
        performance.now(),
      );
    });
  });
}

/** By the client's events: autocannon's own onResponse takes every header apart, which costs as much as the request. */
function collectAnswers(
  client: autocannon.Client,
  measurement: Measurement,
  onAnswer: (answer: Answer, latencyMs: number) => void,
): void {
  let received = '';
  client.on('body', (chunk) => {
    received += chunk.toString('latin1');
  });
  client.on('response', (status, _bytes, latencyMs) => {
    const body = received;
    received = '';
    measurement.offered += 1;
    onAnswer({ status, body, fault: null }, latencyMs);
  });
}
