/**
 * The hashes against the vectors of PayU's own kits, and of the same algorithm computed elsewhere.
 *
 * @module
 */

import { expect, test } from 'vitest';
import { commandHash, type HashedFields, requestHash, responseHashes } from './hashes.ts';

const SALT = 'vhgvs75';
const FIELDS: HashedFields = {
  key: 'bjg$121',
  txnid: '3123',
  amount: '1000',
  productinfo: 'mobile',
  firstname: 'Jacob',
  email: 'test@payu.in',
  udf1: '',
  udf2: '',
  udf3: '',
  udf4: '',
  udf5: '',
};
const UDFS: HashedFields = { ...FIELDS, udf1: 'u1', udf2: 'u2', udf3: 'u3', udf4: 'u4', udf5: 'u5' };

test.each([
  [
    'a request (published)',
    requestHash(FIELDS, SALT),
    '19d0822939b32b371847521c89aba3521de3a9bfeabeee5dab2d6f41962ff9fcdcee87067bb3a3de870acce488f9ff88a3511bb78c6143344a277b1b91ad38b8',
  ],
  [
    'a request with udf1 to udf5',
    requestHash(UDFS, SALT),
    '138061d0e25be70c11989a0cb749ed732f287a9a15c176ea37336a851ec08ca8d90e8589f3d2fe3ad9b0616683a65d1ee31861dbaa52e1d5b9913f52917996f6',
  ],
  [
    'a success (published)',
    responseHashes({ ...FIELDS, status: 'success' }, [], SALT)[0],
    '687c82156a84271a7a6c63d0e8774d5ac567d9b894a334a47d72e47b72392a5167a1b2add5b253490b70731d9eb3e3a3b7225e0c5f26829befafbbee71977c4c',
  ],
  [
    'a success with additional charges',
    responseHashes({ ...FIELDS, status: 'success' }, ['11.50'], SALT)[1],
    'dd0c93bc085d946bfa2588a89ee1f848e9d14ca55a37b12cc1fc4af4681c50f111534b9879912476877518cef4e022207317bd564d5fc92bbede843f8b944978',
  ],
  [
    'a failure with udf1 to udf5',
    responseHashes({ ...UDFS, status: 'failure' }, [], SALT)[0],
    'a78dd2daf71044099a4107af37e2e6ccfbf858a8f963681ce38f447d79d2b48d1fa855f8e259518728f11377a290a18b70ea62bd94a76543dda2ca13ccb74dab',
  ],
  [
    'verify_payment',
    commandHash('bjg$121', 'verify_payment', '3123', SALT),
    'fd13e1a56cc6f5742edb8a78561ef4c2bc6aeb98b4591526772a81824657a87248a97bdd5517afa24a5be7f05b016e7e5867a1524c084e82de5c1594dd9c1bad',
  ],
  [
    'get_settlement_details',
    commandHash('bjg$121', 'get_settlement_details', '2026-01-21', SALT),
    '1efece381a87d5f53e5fb6e7d153b07903195e4023d26a6c6057d94549c2515bf47c275a14341274a9a38c7e14ce3ffe698b937670fcd23974303adeea78e5b4',
  ],
])('%s has the hash of its vector', (_, hash, vector) => {
  expect(hash).toBe(vector);
});

test('fields that would move the borders of what is hashed have no hash at all', () => {
  for (const name of ['status', ...Object.keys(FIELDS)]) {
    expect(responseHashes({ ...FIELDS, status: 'success', [name]: 'a|b' }, [], SALT)).toEqual([]);
  }
  expect(responseHashes({ ...FIELDS, status: 'success' }, ['1|2'], SALT)).toEqual([]);
});
