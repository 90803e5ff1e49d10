import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startHaproxy } from './haproxy.ts';
import { freePort } from './ports.ts';
import { canRun } from './required-servers.ts';

describe.skipIf(!canRun('haproxy', 'the balancer of other tests is'))('haproxy', () => {
  test('a balancer passes on what it is asked', async () => {
    const behind = createServer((_, response) => response.end('behind')).listen(0, '127.0.0.1');
    onTestFinished(() => void behind.close());
    const haproxy = await startHaproxy(`
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
listen all
  bind 127.0.0.1:${await freePort()}
  server one 127.0.0.1:${(behind.address() as AddressInfo).port}
`);
    onTestFinished(() => haproxy.stop());
    const response = await fetch(`http://127.0.0.1:${haproxy.ports[0]}/`);
    expect(await response.text()).toBe('behind');
  });

  test('a configuration it refuses is an error in its own words', async () => {
    await expect(startHaproxy('listen all\n  bend 127.0.0.1:1\n')).rejects.toThrow(
      /unknown keyword 'bend' in 'listen' section/,
    );
  });
});
