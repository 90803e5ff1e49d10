import { expect, test, vi } from 'vitest';
import type { ReadCallback } from '../connectors/connector.ts';
import type { ProcessorCallback } from '../domain/callback.ts';
import { createReceive, type ReceiveDeps } from './publish.ts';
import type { ArrivedCallback } from './verify.ts';

const CALLBACK: ProcessorCallback = {
  processor: 'SANDBOX',
  callbackId: 'evt_1',
  transactionId: null,
  word: null,
  hint: false,
  receivedAt: 5,
};
const ARRIVED: ArrivedCallback = {
  processor: 'sandbox',
  account: 'acc_1',
  header: () => '',
  body: Buffer.from('{}'),
  now: 5,
};

function world(read: ReturnType<ReadCallback>, more: Partial<ReceiveDeps> = {}) {
  const publish = vi.fn(async () => ({ ok: true, verdict: 'applied' }) as const);
  const readCallback = vi.fn<ReadCallback>(() => read);
  const onHint = vi.fn();
  const receive = createReceive({
    connectors: [{ name: 'SANDBOX', readCallback }],
    secretsOf: async (processor, account) => [
      { account: account ?? 'acc_1', secrets: [`${processor}/${account}`] },
    ],
    onSecretsFailed: () => undefined,
    bus: { publish },
    confirm: { onHint },
    ...more,
  });
  return { receive, publish, readCallback, onHint };
}

test('verified with the secrets of its account, then published, then answered', async () => {
  const { receive, publish, readCallback } = world({ ok: true, callback: CALLBACK });
  expect(await receive(ARRIVED)).toEqual({ ok: true, verdict: 'applied' });
  expect(readCallback).toHaveBeenCalledWith(ARRIVED, ['SANDBOX/acc_1'], 5);
  expect(publish).toHaveBeenCalledExactlyOnceWith(CALLBACK);
});

test.each([
  ['signature_invalid', 'unauthorized'],
  ['timestamp_invalid', 'unauthorized'],
  ['body_invalid', 'invalid_request'],
] as const)('%s is refused as %s and not published', async (code, outcome) => {
  const { receive, publish } = world({ ok: false, code, detail: '' });
  expect(await receive(ARRIVED)).toMatchObject({ ok: false, refusal: { code: outcome } });
  expect(publish).not.toHaveBeenCalled();
});

test('an unknown processor, secrets that cannot be had, a bus that refuses', async () => {
  const read = { ok: true, callback: CALLBACK } as const;
  const unknown = await world(read).receive({ ...ARRIVED, processor: 'nobody' });
  expect(unknown).toMatchObject({ refusal: { code: 'not_found' } });
  const down = world(read, { secretsOf: () => Promise.reject(new Error('down')) });
  expect(await down.receive(ARRIVED)).toMatchObject({ refusal: { code: 'storage_unavailable' } });
  expect(down.readCallback).not.toHaveBeenCalled();
  const full = { ok: false, refusal: { code: 'overloaded', detail: '' } } as const;
  const refusing = world(read, { bus: { publish: async () => full } });
  expect(await refusing.receive(ARRIVED)).toEqual(full);
});

test('whoever knows one account’s secret cannot speak for another account', async () => {
  const word = { processorAccount: 'acc_2' } as ProcessorCallback['word'];
  const { receive, publish } = world({ ok: true, callback: { ...CALLBACK, word } });
  expect(await receive(ARRIVED)).toMatchObject({ ok: false, refusal: { code: 'unauthorized' } });
  expect(publish).not.toHaveBeenCalled();
});

test('a word that names no account is one of the account whose secret signed it', async () => {
  const word = { said: 'charged', processorAccount: null } as ProcessorCallback['word'];
  const { receive, publish } = world({ ok: true, callback: { ...CALLBACK, word } });
  expect(await receive(ARRIVED)).toMatchObject({ ok: true });
  expect(publish).toHaveBeenCalledExactlyOnceWith({
    ...CALLBACK,
    word: { ...word, processorAccount: 'acc_1' },
  });
});

test('without an account in the address each account’s secrets are tried in turn', async () => {
  const { receive, publish, readCallback } = world(
    { ok: true, callback: CALLBACK },
    {
      secretsOf: async () => [
        { account: 'acc_1', secrets: ['one'] },
        { account: 'acc_2', secrets: ['two'] },
      ],
    },
  );
  readCallback.mockReturnValueOnce({ ok: false, code: 'signature_invalid', detail: '' });
  expect(await receive({ ...ARRIVED, account: null })).toMatchObject({ ok: true });
  expect(readCallback.mock.calls.map(([, secrets]) => secrets)).toEqual([['one'], ['two']]);
  expect(publish).toHaveBeenCalledOnce();
});

const HINT: ProcessorCallback = { ...CALLBACK, hint: true, transactionId: '0'.repeat(32) };

test('a hint has its processor asked once it is durable, and not before', async () => {
  const durable = Promise.withResolvers<{ ok: true; verdict: 'applied' }>();
  const { receive, onHint } = world(
    { ok: true, callback: HINT },
    { bus: { publish: () => durable.promise } },
  );
  const receiving = receive(ARRIVED);
  await new Promise(setImmediate);
  expect(onHint).not.toHaveBeenCalled();
  durable.resolve({ ok: true, verdict: 'applied' });
  await receiving;
  expect(onHint).toHaveBeenCalledExactlyOnceWith({
    processor: 'SANDBOX',
    transactionId: HINT.transactionId,
    account: null,
  });
});

test('a hint has its processor asked whatever the shard made of it', async () => {
  for (const verdict of ['applied', 'ignored', 'duplicate', null] as const) {
    const publish = async () => ({ ok: true, verdict }) as const;
    const { receive, onHint } = world({ ok: true, callback: HINT }, { bus: { publish } });
    await receive(ARRIVED);
    expect(onHint).toHaveBeenCalledOnce();
  }
});

test('what is no hint, of no transaction of ours, or not durable has nobody asked', async () => {
  const full = { ok: false, refusal: { code: 'overloaded', detail: '' } } as const;
  for (const { receive, onHint } of [
    world({ ok: true, callback: { ...HINT, hint: false } }),
    world({ ok: true, callback: { ...HINT, transactionId: null } }),
    world({ ok: true, callback: HINT }, { bus: { publish: async () => full } }),
  ]) {
    await receive(ARRIVED);
    expect(onHint).not.toHaveBeenCalled();
  }
});
