/**
 * Ports: one of loopback for each listener of the topology, the same at every start on its folder.
 *
 * They lie below the range from which the kernel takes ports by itself: while a server is down, a connection that goes out must not
 * be given its port.
 *
 * @module
 */
import { EmbeddedError } from '../../src/embedded/embedded-error.ts';
import { isFree } from '../../src/embedded/postgres.ts';
import { readJson, writeDurably } from '../../src/embedded/private-file.ts';
import { freePort } from '../../test/support/ports.ts';

/** The port of a listener, by its name. */
export type Ports = (listener: string) => number;

/**
 * Reads the ports that `file` remembers and chooses those it lacks.
 * @throws EmbeddedError `port_busy` naming every port of an earlier start that somebody else has
 */
export async function choosePorts(file: string, listeners: readonly string[]): Promise<Ports> {
  const remembered = Object(readJson(file) ?? {}) as Record<string, number>;
  const chosen = new Map<string, number>();
  const busy: string[] = [];
  for (const listener of listeners) {
    const before = remembered[listener];
    const port = before ?? (await freePort());
    if (before !== undefined && !(await isFree(before))) busy.push(`${listener} ${before}`);
    chosen.set(listener, port);
  }
  if (busy.length > 0) {
    throw new EmbeddedError(
      'port_busy',
      `ports are in use: ${busy.join(', ')}; free them, or remove ${file}`,
    );
  }
  writeDurably(file, `${JSON.stringify(Object.fromEntries(chosen))}\n`);
  return (listener) => {
    const port = chosen.get(listener);
    if (port === undefined) throw new Error(`no port was chosen for ${listener}`);
    return port;
  };
}
