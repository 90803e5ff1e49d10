/**
 * A fresh process that opens tokens: reads `[[token, PAN], …]` from stdin, opens each in the vault, and prints how many PANs
 * were the expected ones.
 *
 * @module
 */

import { text } from 'node:stream/consumers';
import { createTokenizer } from '../../src/hsm/tokenizer.ts';
import { createVaultStore } from '../../src/storage/postgres/vault.ts';

const expected = JSON.parse(await text(process.stdin)) as Array<[token: string, pan: string]>;
const vault = createVaultStore(process.env.SLUICE_VAULT_DATABASE_URL!);
const tokenizer = await createTokenizer(
  {
    module: process.env.SLUICE_PKCS11_MODULE!,
    tokenLabel: 'vault',
    pinFile: process.env.SLUICE_PKCS11_PIN_FILE!,
    threads: 1,
    pageCardsMax: 64,
    callTimeoutMs: 5000,
  },
  vault,
);
let equal = 0;
for (const [token, pan] of expected) {
  const opened = await tokenizer.open(token, 'test of every stored token', 'test');
  if (!('refused' in opened) && Buffer.from(opened).toString() === pan) equal++;
}
process.stdout.write(JSON.stringify({ opened: expected.length, equal }));
await tokenizer.close();
await vault.close();
