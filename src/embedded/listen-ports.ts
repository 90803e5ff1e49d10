/**
 * Listen ports: checks before anything starts that every port of the profile's roles is free.
 *
 * A gateway that finds its port taken could only fail later and less clearly. A port of 0 is replaced by a free one, so that
 * `demo.json` can name it.
 *
 * @module
 */
import type { StartOptions } from '../config/options.ts';
import { EmbeddedError } from './embedded-error.ts';
import { freePort, isFree } from './postgres.ts';

/** The ports to use, or `port_busy` naming every busy setting and port. */
export async function chooseListenPorts(options: StartOptions): Promise<StartOptions['ports']> {
  const { host, ports, roles, sandbox } = options;
  const busy: string[] = [];
  const choose = async (setting: string, port: number, address: string): Promise<number> => {
    if (port === 0) return freePort();
    if (!(await isFree(port, address))) busy.push(`${setting}: port ${port} on ${address} is in use`);
    return port;
  };
  const opensApi = roles.includes('api') || roles.includes('callbacks');
  const chosen = {
    api: opensApi ? await choose('SLUICE_API_PORT', ports.api, host) : ports.api,
    checkout: roles.includes('checkout')
      ? await choose('SLUICE_CHECKOUT_PORT', ports.checkout, host)
      : ports.checkout,
    ops: await choose('SLUICE_OPS_PORT', ports.ops, host),
    sandbox: sandbox.enabled
      ? await choose('SLUICE_SANDBOX_PORT', ports.sandbox, '127.0.0.1')
      : ports.sandbox,
    sandboxB: sandbox.enabled
      ? await choose('SLUICE_SANDBOX_B_PORT', ports.sandboxB, '127.0.0.1')
      : ports.sandboxB,
  };
  if (busy.length > 0)
    throw new EmbeddedError('port_busy', `${busy.join('; ')}: free it, or set another port`);
  return chosen;
}
