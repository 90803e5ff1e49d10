/**
 * A process with a tokenizer of its own, for vault.test.ts.
 *
 * Environment: SOFTHSM2_CONF, DATABASE_URL, OPTIONS (HsmOptions as JSON). Arguments: `seal PAN...` prints the
 * answers, `open TOKEN...` prints the PANs, as one JSON array.
 *
 * @module
 */

import type { HsmOptions } from '../../../hsm/hsm.ts';
import { createTokenizer } from '../../../hsm/tokenizer.ts';
import { createVaultStore } from '../vault.ts';

const { DATABASE_URL: databaseUrl, OPTIONS: options } = process.env;
if (databaseUrl === undefined || options === undefined)
  throw new Error('DATABASE_URL and OPTIONS are needed');
const [verb, ...things] = process.argv.slice(2);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

const vault = createVaultStore(databaseUrl);
const tokenizer = await createTokenizer(JSON.parse(options) as HsmOptions, vault);
const answers = await Promise.all(things.map(verb === 'seal' ? seal : open));
process.stdout.write(JSON.stringify(answers));
await tokenizer.close();
await vault.close();

async function seal(pan: string): Promise<unknown> {
  const deadlineMs = Number(process.hrtime.bigint()) / 1e6 + 20_000;
  const name = ascii(`process ${process.pid}`);
  const card = { pan: ascii(pan), expiryMonth: 1, expiryYear: 2031, cvv: ascii('123'), cardholderName: name };
  return await tokenizer.tokenize(card, deadlineMs);
}

async function open(token: string): Promise<unknown> {
  const pan = await tokenizer.open(token, 'recurring charge', 'vault-process');
  return pan instanceof Uint8Array ? new TextDecoder().decode(pan) : pan;
}
