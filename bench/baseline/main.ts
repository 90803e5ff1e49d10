/**
 * `node bench/baseline/main.ts`: starts the baseline with everything it needs.
 *
 * @module
 */

import { runRival } from '../rival/rival.ts';
import { baseline } from './baseline.ts';

await runRival(baseline);
