/**
 * Child of a test: reads a post from standard input, in a process that has encoded nothing, and prints it as JSON.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { decode } from '../codec.ts';

process.stdout.write(JSON.stringify(decode(readFileSync(0))));
