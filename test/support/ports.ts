/**
 * Ports for the processes that tests start.
 *
 * uWebSockets shares a listening port (SO_REUSEPORT): of two gateways at one port neither notices, and each is sent half of the
 * other's requests. So no port is handed out twice. A process takes whole blocks of ports, and holds a block by listening at its first:
 * no other process on this machine can do that too, and the kernel ends it with the process. All lie below the range from which the
 * kernel takes ports by itself (/proc/sys/net/ipv4/ip_local_port_range, by default from 32768).
 *
 * @module
 */

import { createServer } from 'node:net';
import { isFree } from '../../src/embedded/postgres.ts';

export const FIRST_PORT = 20_000;
export const LAST_PORT = 32_767;
const BLOCK = 32;
const BLOCKS = Math.floor((LAST_PORT + 1 - FIRST_PORT) / BLOCK);

const ports = portsOfBlocks();

/** A port of 127.0.0.1 that nobody has, and that nobody else is given as long as this process lives. */
export async function freePort(): Promise<number> {
  const { value } = await ports.next();
  if (value === undefined) throw new Error(`no port from ${FIRST_PORT} to ${LAST_PORT} is free`);
  return value;
}

/** Whoever asks while a port is being looked for waits its turn: that is how generators are. */
async function* portsOfBlocks(): AsyncGenerator<number, undefined> {
  for (let i = 0; i < BLOCKS; i++) {
    // By the process's id, so that a port is not used again by the very next one.
    const first = FIRST_PORT + ((process.pid + i) % BLOCKS) * BLOCK;
    if (!(await holds(first))) continue;
    for (let port = first + 1; port < first + BLOCK; port++) {
      // A gateway that has outlived its test may still be there.
      if (await isFree(port)) yield port;
    }
  }
}

/** Listens at a port until this process ends. False: another does. */
function holds(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.unref();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true));
  });
}
