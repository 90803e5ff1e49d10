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
  const receive = createReceive({
    connectors: [{ name: 'SANDBOX', readCallback }],
    secretsOf: async (processor, account) => [
      { account: account ?? 'acc_1', secrets: [`${processor}/${account}`] },
    ],
    onSecretsFailed: () => undefined,
    bus: { publish },
    ...more,
  });
  return { receive, publish, readCallback };
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
