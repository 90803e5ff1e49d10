/**
 * `node bench/floor/main.ts`: starts the floor with everything it needs.
 *
 * @module
 */

import { runRival } from '../rival/rival.ts';
import { floor } from './floor.ts';

await runRival(floor);
