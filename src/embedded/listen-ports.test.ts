/**
 * Ports are looked at before anything starts, those of both sandbox banks too.
 *
 * @module
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readStartOptions } from '../config/from-env.ts';
import { chooseListenPorts } from './listen-ports.ts';

const FREE = {
  SLUICE_API_PORT: '0',
  SLUICE_CHECKOUT_PORT: '0',
  SLUICE_OPS_PORT: '0',
  SLUICE_SANDBOX_PORT: '0',
};

let server: Server;
let busy: string;

beforeAll(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  busy = String((server.address() as AddressInfo).port);
});
afterAll(() => server.close());

function choose(env: Record<string, string>) {
  const read = readStartOptions({ ...FREE, ...env });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  return chooseListenPorts(read.options);
}

it('a port of 0 becomes a free one, which the second bank has unless told otherwise', async () => {
  const ports = Object.values(await choose({}));
  expect(ports).toHaveLength(5);
  expect(ports.every((port) => port > 0)).toBe(true);
});

it.each(['SLUICE_API_PORT', 'SLUICE_SANDBOX_PORT', 'SLUICE_SANDBOX_B_PORT'])(
  'a busy port is told by its setting, %s',
  async (setting) => {
    await expect(choose({ [setting]: busy })).rejects.toMatchObject({
      code: 'port_busy',
      message: `${setting}: port ${busy} on 127.0.0.1 is in use: free it, or set another port`,
    });
  },
);

it('where there are no sandbox banks nobody looks at their ports', async () => {
  const banks = { SLUICE_SANDBOX: 'off', SLUICE_SANDBOX_PORT: busy, SLUICE_SANDBOX_B_PORT: busy };
  expect(await choose(banks)).toMatchObject({ sandbox: Number(busy), sandboxB: Number(busy) });
});

it('a port of a role that does not run is nobody’s here', async () => {
  const env = { SLUICE_API_PORT: busy, SLUICE_CHECKOUT_PORT: '0' };
  await expect(choose(env)).rejects.toThrow('SLUICE_API_PORT');
  expect((await choose({ ...env, SLUICE_ROLES: 'checkout' })).api).toBe(Number(busy));
  await expect(choose({ ...env, SLUICE_ROLES: 'callbacks' })).rejects.toThrow('SLUICE_API_PORT');
});
