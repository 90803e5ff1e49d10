/**
 * Floor: the same payment as Sluice's from raw parts only, as the lower bound to compare with.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import type { Rival } from '../rival/rival.ts';

export const floor: Rival = {
  name: 'floor',
  parts: { redis: false, databases: ['payments', 'vault'] },
  env: {},
  server: fileURLToPath(new URL('./server.ts', import.meta.url)),
};
