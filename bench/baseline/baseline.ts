/**
 * Baseline: the requirements document implemented the usual way, well, as what Sluice is an alternative to.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import type { Rival } from '../rival/rival.ts';

export const baseline: Rival = {
  name: 'baseline',
  parts: { redis: true, databases: ['payments'] },
  server: fileURLToPath(new URL('./server.ts', import.meta.url)),
};
