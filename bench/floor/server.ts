/**
 * Server process of the floor.
 *
 * @module
 */

import { serve } from '../rival/rival.ts';
import { startGateway } from './gateway.ts';

await serve(startGateway);
