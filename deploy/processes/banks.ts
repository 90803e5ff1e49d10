/**
 * Banks: the two banks in a box, the first with the demo shop.
 *
 * @module
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SANDBOXES, type SandboxAccounts, type SandboxName } from '../../src/embedded/sandbox-accounts.ts';
import type { Program } from './part.ts';

const ENTRY = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url));

/** How a bank is run. `sandbox` and `sandbox-b` are their names. */
export function bankProgram(
  sandbox: SandboxName,
  { file }: SandboxAccounts,
  folder: string,
  port: number,
): Program {
  const { name } = SANDBOXES[sandbox];
  return {
    name,
    executable: process.execPath,
    args: [ENTRY],
    env: {
      PATH: process.env.PATH,
      SANDBOX_HOST: '127.0.0.1',
      SANDBOX_PORT: String(port),
      SANDBOX_DATA_DIR: join(folder, name),
      SANDBOX_ACCOUNTS: `@${file}`,
      // Where the shop reads its keys; the second bank has none.
      SANDBOX_SHOP_FILE: sandbox === 'SANDBOX' ? join(folder, 'demo.json') : undefined,
    },
  };
}
