/**
 * Posts to each origin of the command line and prints the outcomes as JSON: a process of its own, for what only its environment
 * can change, as whom it trusts.
 *
 * @module
 */

import { createHttpClient } from '../http-client.ts';

const outcomes = await Promise.all(
  process.argv.slice(2).map(async (origin) => {
    const client = createHttpClient({ origin, connectTimeoutMs: 5000 });
    const outcome = await client.exchange({
      method: 'POST',
      path: '/',
      headers: {},
      body: Buffer.from('secret'),
      timeoutMs: 10_000,
    });
    await client.close();
    return outcome.kind === 'answered' ? outcome.status : outcome;
  }),
);
process.stdout.write(JSON.stringify(outcomes));
