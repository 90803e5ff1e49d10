/**
 * Accounts of a real control database under the software keyring: what a thread opens while an operator changes preferences.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cluster, startCluster } from '../../test/support/cluster.ts';
import { readOptions } from '../config/from-env.ts';
import { createMerchant, sandboxMerchant, writeMerchant } from '../setup/merchant.ts';
import { changePreferences, type PreferencesChange } from '../setup/preferences.ts';
import type { ControlAdmin, ControlReader, ProcessorAccount } from '../storage/control.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import { createControlReader } from '../storage/postgres/control-reader.ts';
import { type Accounts, openAccounts } from './accounts.ts';

const HEARD_MS = 2000;

let folder: string;
let cluster: Cluster;
let control: ControlAdmin;
let reader: ControlReader;
let accounts: Accounts;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-accounts-'));
  cluster = await startCluster(1);
  control = createControlAdmin(cluster.services.control);
  reader = createControlReader({ connectionString: cluster.services.control, beatMs: 50 });
  const read = readOptions({
    SLUICE_DATA_DIR: folder,
    SLUICE_PKCS11_MODULE: 'software',
    SLUICE_CONTROL_DATABASE_URL: cluster.services.control,
    SLUICE_VAULT_DATABASE_URL: cluster.services.vault,
    SLUICE_SHARD_DATABASE_URLS: cluster.services.shards.join(','),
  });
  if (!read.ok) throw new Error(JSON.stringify(read.errors));
  accounts = await openAccounts(read.options, reader);
});
afterAll(async () => {
  await accounts?.close();
  await reader?.close();
  await control?.close();
  await cluster?.stop();
  rmSync(folder, { recursive: true });
});

function accountNamed(account: string, secret = 'first'): ProcessorAccount {
  return {
    account,
    secretKey: `key_${account}_${secret}`,
    webhookSecret: `whsec_${account}_${secret}`,
    previousWebhookSecret: null,
  };
}

async function makeMerchant(merchantId: string): Promise<void> {
  const merchant = sandboxMerchant(merchantId, 'Shop', accountNamed(`acct_${merchantId}`));
  await writeMerchant({ control, secrets: accounts.secrets }, merchant, new Date());
}

async function change(merchantId: string, wanted: PreferencesChange, now = new Date()): Promise<void> {
  const services = { control, secrets: accounts.secrets };
  const changed = await changePreferences(services, merchantId, wanted, () => undefined, now);
  if (!changed.ok) throw new Error(`${changed.part} ${changed.detail}`);
}

/** The secrets callbacks to an account are believed with, once the reader has heard of the newest. */
async function secretsOf(account: string, now = Date.now()): Promise<readonly string[]> {
  return (await accounts.webhookSecrets('SANDBOX', account, now))[0]?.secrets ?? [];
}

test('charges go where the newest preferences say; the account they left is opened for its attempts and callbacks still', async () => {
  await makeMerchant('m_moves');
  const first = accountNamed('acct_m_moves');
  expect(await accounts.routeOf('m_moves')).toEqual({
    preferred: { processor: 'SANDBOX', account: first },
    fallback: null,
  });
  const second = accountNamed('acct_second');
  await change('m_moves', { preferred: { processor: 'SANDBOX_B', account: second } });
  await vi.waitFor(
    async () =>
      expect(await accounts.routeOf('m_moves')).toEqual({
        preferred: { processor: 'SANDBOX_B', account: second },
        fallback: null,
      }),
    HEARD_MS,
  );
  expect(await accounts.accountOf('m_moves', 'SANDBOX', 'acct_m_moves')).toEqual(first);
  expect(await accounts.accountOf('m_moves', 'SANDBOX', 'acct_other')).toBeNull();
  expect(await secretsOf('acct_m_moves')).toEqual([first.webhookSecret]);
});

test('new credentials of an account are used at once, and callbacks signed with its old secret are believed', async () => {
  await makeMerchant('m_rotates');
  const account = 'acct_m_rotates';
  const rotated = accountNamed(account, 'second');
  expect(await secretsOf(account)).toEqual([`whsec_${account}_first`]);
  for (const repeat of ['once', 'again']) {
    await change('m_rotates', { preferred: { account: rotated } });
    await vi.waitFor(
      async () =>
        expect(await secretsOf(account), repeat).toEqual([
          `whsec_${account}_second`,
          `whsec_${account}_first`,
        ]),
      HEARD_MS,
    );
  }
  expect((await accounts.routeOf('m_rotates'))!.preferred.account.secretKey).toBe(rotated.secretKey);
  expect(await accounts.accountOf('m_rotates', 'SANDBOX', account)).toMatchObject({
    secretKey: rotated.secretKey,
  });
});

test('the old secret is believed for three days: whoever has it since then, or comes with it, is nobody', async () => {
  await makeMerchant('m_leaked');
  const account = 'acct_m_leaked';
  const changed = Date.now();
  for (const day of [0, 2])
    await change(
      'm_leaked',
      { preferred: { account: accountNamed(account, 'second') } },
      dayAfter(changed, day),
    );
  await vi.waitFor(async () => expect(await secretsOf(account, changed)).toHaveLength(2), HEARD_MS);
  const over = dayAfter(changed, 3);
  expect(await secretsOf(account, over.getTime() - 1)).toEqual([
    `whsec_${account}_second`,
    `whsec_${account}_first`,
  ]);
  expect(await secretsOf(account, over.getTime())).toEqual([`whsec_${account}_second`]);
  const services = { control, secrets: accounts.secrets };
  const thief = sandboxMerchant('m_late_thief', 'Shop', accountNamed(account));
  expect(await createMerchant(services, thief, over)).toMatchObject({ ok: false, code: 'account_conflict' });
  expect(await createMerchant(services, thief, new Date(over.getTime() - 1))).toMatchObject({ ok: true });
});

function dayAfter(time: number, days: number): Date {
  return new Date(time + days * 24 * 60 * 60 * 1000);
}

test('a fallback is given, used as it was known, put first, and taken away', async () => {
  await makeMerchant('m_falls');
  const there = accountNamed('acct_falls_b');
  await change('m_falls', { fallback: { processor: 'SANDBOX_B', account: there } });
  await vi.waitFor(
    async () =>
      expect((await accounts.routeOf('m_falls'))!.fallback).toEqual({
        processor: 'SANDBOX_B',
        account: there,
      }),
    HEARD_MS,
  );
  // Both are known already: their credentials need not be given again.
  await change('m_falls', { preferred: { processor: 'SANDBOX_B' }, fallback: { processor: 'SANDBOX' } });
  await vi.waitFor(
    async () =>
      expect(await accounts.routeOf('m_falls')).toMatchObject({
        preferred: { processor: 'SANDBOX_B', account: there },
        fallback: { processor: 'SANDBOX', account: accountNamed('acct_m_falls') },
      }),
    HEARD_MS,
  );
  await change('m_falls', { fallback: null });
  await vi.waitFor(async () => expect((await accounts.routeOf('m_falls'))!.fallback).toBeNull(), HEARD_MS);
});

test('of two accounts of one merchant at one processor a row under the other’s name is not used', async () => {
  await makeMerchant('m_swapped');
  await change('m_swapped', { preferred: { account: accountNamed('acct_other') } });
  const other = (await control.findAccount('m_swapped', 'SANDBOX', 'acct_other'))!;
  await control.putAccount({ ...other, account: 'acct_m_swapped' });
  await vi.waitFor(
    async () =>
      await expect(accounts.accountOf('m_swapped', 'SANDBOX', 'acct_m_swapped')).rejects.toThrow(
        'is not acct_m_swapped',
      ),
    HEARD_MS,
  );
});

describe('an account that another merchant has', () => {
  const shared = 'acct_shared';
  const asKnown = accountNamed(shared);
  const services = () => ({ control, secrets: accounts.secrets });
  const create = (merchantId: string, account: ProcessorAccount, fallbackAccount?: ProcessorAccount) =>
    createMerchant(
      services(),
      {
        ...sandboxMerchant(merchantId, 'Shop', account),
        ...(fallbackAccount === undefined ? {} : { fallbackProcessor: 'SANDBOX_B', fallbackAccount }),
      },
      new Date(),
    );

  test('is not had with other credentials, at either processor of a merchant', async () => {
    expect(await create('m_owner', asKnown, accountNamed('acct_shared_b'))).toMatchObject({ ok: true });
    const guessed = accountNamed(shared, 'guessed');
    expect(await create('m_thief', guessed)).toMatchObject({ code: 'account_conflict', part: 'account' });
    const guessedB = accountNamed('acct_shared_b', 'guessed');
    expect(await create('m_thief', accountNamed('acct_m_thief'), guessedB)).toMatchObject({
      code: 'account_conflict',
      part: 'fallbackAccount',
    });
    expect(await control.findMerchant('m_thief')).toBeUndefined();

    await makeMerchant('m_thief');
    const there = { processor: 'SANDBOX_B', account: accountNamed('acct_honest') } as const;
    await expect(change('m_thief', { preferred: { account: guessed }, fallback: there })).rejects.toThrow(
      'account acct_shared: another merchant has this account at SANDBOX',
    );
    await expect(
      change('m_thief', { fallback: { processor: 'SANDBOX_B', account: guessedB } }),
    ).rejects.toThrow('fallbackAccount acct_shared_b: another merchant has this account at SANDBOX_B');
    expect(await control.findAccount('m_thief', 'SANDBOX_B', 'acct_honest')).toBeUndefined();
    expect(await secretsOf(shared)).toEqual([asKnown.webhookSecret]);
  });

  test('of another processor is another account', async () => {
    expect(await create('m_elsewhere', accountNamed('acct_shared_b', 'own'))).toMatchObject({ ok: true });
  });

  test('is shared with its credentials, and these are rotated merchant by merchant', async () => {
    expect(await create('m_sharer', asKnown)).toMatchObject({ ok: true });
    const rotated = accountNamed(shared, 'second');
    await change('m_owner', { preferred: { account: rotated } });
    // In the middle of the rotation both are believed, so a third may come with either.
    expect(await create('m_third', rotated)).toMatchObject({ ok: true });
    expect(await create('m_fourth', asKnown)).toMatchObject({ ok: true });
    await change('m_sharer', { preferred: { account: rotated } });
    await change('m_fourth', { preferred: { account: rotated } });
    expect(await create('m_fifth', accountNamed(shared, 'guessed'))).toMatchObject({ ok: false });
  });

  test('of however many merchants, one seal is opened to let in another', async () => {
    const places = Array.from({ length: 40 }, (_, place) => `m_crowd_${String(place).padStart(2, '0')}`);
    const crowd = accountNamed('acct_crowd');
    for (const merchantId of places)
      await writeMerchant(services(), sandboxMerchant(merchantId, 'Shop', crowd), new Date());
    let opened = 0;
    const counting = {
      control,
      secrets: {
        ...accounts.secrets,
        open: (...words: Parameters<typeof accounts.secrets.open>) => {
          opened++;
          return accounts.secrets.open(...words);
        },
      },
    };
    const merchant = sandboxMerchant('m_crowd_last', 'Shop', crowd);
    expect(await createMerchant(counting, merchant, new Date())).toMatchObject({ ok: true });
    expect(opened).toBe(1);
  });
});

test('an empty secret, wherever it came from, is none that callbacks are believed with', async () => {
  const empty = { ...accountNamed('acct_empty'), webhookSecret: '', previousWebhookSecret: '' };
  await writeMerchant(
    { control, secrets: accounts.secrets },
    sandboxMerchant('m_empty', 'Shop', empty),
    new Date(),
  );
  expect(await secretsOf('acct_empty')).toEqual([]);
});

test.each([
  [
    { fallback: { processor: 'SANDBOX', account: accountNamed('acct_x') } },
    'fallback must be another processor',
  ],
  [{ fallback: { processor: 'SANDBOX_B' } }, 'fallbackAccount is needed'],
  [{ fallback: { account: accountNamed('acct_x') } }, 'fallback is needed'],
  [{ preferred: { processor: 'SANDBOX_B' } }, 'account is needed'],
  [{ transactionFeePercent: '100.01' }, 'fee 100.01 must be'],
  [
    { preferred: { account: { ...accountNamed('acct_x'), webhookSecret: '' } } },
    'account webhookSecret must',
  ],
  [
    {
      fallback: {
        processor: 'SANDBOX_B',
        account: { ...accountNamed('acct_x'), secretKey: ' key of acct_x' },
      },
    },
    'fallbackAccount secretKey must',
  ],
] as const)('%o is refused, and nothing has changed', async (wanted, fault) => {
  const merchantId = 'm_refused';
  await makeMerchant(merchantId);
  const before = await control.findPreferences(merchantId);
  await expect(change(merchantId, wanted)).rejects.toThrow(fault);
  expect(await control.findPreferences(merchantId)).toEqual(before);
  expect(await control.findAccount(merchantId, 'SANDBOX', 'acct_x')).toBeUndefined();
});

test('a live merchant is given no account at a bank in a box, first or second', async () => {
  const createdAt = new Date();
  await control.putMerchant({
    merchantId: 'm_live',
    name: 'Live',
    mode: 'live',
    redirectOrigins: [],
    createdAt,
  });
  await expect(change('m_live', { transactionFeePercent: '1.00' })).rejects.toThrow('processor is needed');
  const preferred = { processor: 'SANDBOX', account: accountNamed('acct_live') } as const;
  await expect(change('m_live', { preferred })).rejects.toThrow('processor SANDBOX takes no live merchants');
  const stripe = { processor: 'STRIPE', account: accountNamed('acct_live') } as const;
  await expect(change('m_live', { preferred: stripe, fallback: preferred })).rejects.toThrow(
    'fallback SANDBOX takes no live merchants',
  );
  await change('m_live', { preferred: stripe });
  expect(await control.findPreferences('m_live')).toMatchObject({
    preferredAccount: 'acct_live',
    transactionFeePercent: '0.00',
  });
});

/** A key of another kind than the merchant's. */
const STRIPE_KEYS = { test: 'sk_test_0123', live: 'rk_live_0123' } as const;

test.each([
  ['STRIPE', STRIPE_KEYS.live],
  ['RAZORPAY', 'rzp_live_0123:secret'],
] as const)(
  'a test merchant is given no live key of %s, first or second, when it is made or later',
  async (processor, secretKey) => {
    const merchantId = `m_no_live_${processor.toLowerCase()}`;
    const account = { ...accountNamed('acct_real'), secretKey };
    const refused = 'the key of acct_real is a live key, which none takes in test mode';
    const services = { control, secrets: accounts.secrets };
    const merchant = { ...sandboxMerchant(merchantId, 'Shop', account), preferredProcessor: processor };
    expect(await createMerchant(services, merchant, new Date())).toEqual({
      ok: false,
      code: 'merchant_invalid',
      detail: `of its account, ${refused}`,
    });
    await makeMerchant(merchantId);
    const place = { processor, account };
    await expect(change(merchantId, { preferred: place })).rejects.toThrow(`account ${refused}`);
    await expect(change(merchantId, { fallback: place })).rejects.toThrow(`fallbackAccount ${refused}`);
    expect(await control.findAccount(merchantId, processor, 'acct_real')).toBeUndefined();
  },
);

test('a live merchant is given no test key: its shoppers would pay nothing', async () => {
  await control.putMerchant({
    merchantId: 'm_no_test',
    name: 'Live',
    mode: 'live',
    redirectOrigins: [],
    createdAt: new Date(),
  });
  const account = { ...accountNamed('acct_play'), secretKey: STRIPE_KEYS.test };
  await expect(change('m_no_test', { preferred: { processor: 'STRIPE', account } })).rejects.toThrow(
    'the key of acct_play is a test key, which none takes in live mode',
  );
});

test('a live key that is there all the same is charged with by no gateway in test mode, and the error repeats nothing of it', async () => {
  const account = { ...accountNamed('acct_there'), secretKey: STRIPE_KEYS.live };
  const merchant = sandboxMerchant('m_there', 'Shop', account);
  const services = { control, secrets: accounts.secrets };
  await writeMerchant(services, { ...merchant, preferredProcessor: 'STRIPE' }, new Date());
  const refused = await accounts.routeOf('m_there').catch(String);
  expect(refused).toBe(
    'Error: of m_there, the key of acct_there is a live key, which none takes in test mode',
  );
});
