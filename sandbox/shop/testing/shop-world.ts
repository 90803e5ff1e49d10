/**
 * A shop with its bank in this process, on a scripted gateway and a temporary folder.
 *
 * @module
 */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, startSandbox } from '../../sandbox.ts';
import type { Settings } from '../../settings.ts';
import { type FakeSluice, startFakeSluice } from './fake-sluice.ts';

export interface ShopWorld {
  readonly sluice: FakeSluice;
  /** Where the sandbox listens; another port after `restart`. */
  url(): string;
  /** `demo.json`, which {@link writeShopFile} has written. */
  readonly shopFile: string;
  readonly ordersFile: string;
  /** Writes it again, whole, with changes. */
  writeShopFile(changed?: Record<string, unknown>): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const SECRET_KEY = 'sk_test_0123';
/** Of the till at Razorpay. The file has no other but the plain one. */
export const RAZORPAY_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
export const RAZORPAY_KEY = 'sk_test_4567';
/** The bank's side of its account. */
export const RAZORPAY_ACCOUNT = {
  dialect: 'razorpay',
  account: 'acc_demo',
  keyId: 'rzp_test_demo',
  secretKey: 'rzp_secret_demo',
  webhookSecret: 'rzp_whsec_demo',
} as const;

/** @param checkoutUrl where the gateway's checkout is said to be */
export async function startShopWorld(checkoutUrl: string): Promise<ShopWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'sandbox-shop-'));
  const shopFile = join(folder, 'demo.json');
  let sandbox: Sandbox;
  const url = () => `http://127.0.0.1:${sandbox.port}`;
  const sluice = await startFakeSluice(checkoutUrl, url);
  const callbackUrl = new URL('http://127.0.0.1:1/');
  const settings: Settings = {
    host: '127.0.0.1',
    port: 0,
    dataDir: join(folder, 'bank'),
    accounts: [
      {
        dialect: 'plain',
        account: 'acct_demo',
        secretKey: 'bank_sk_test',
        webhookSecret: 'bank_whsec_test',
        callbackUrl,
      },
      { ...RAZORPAY_ACCOUNT, callbackUrl },
    ],
    delayMs: 0,
    challengeMs: 300_000,
    callbackDelayMs: 60_000,
    durable: false,
    shopFile,
  };

  async function start(): Promise<void> {
    sandbox = await startSandbox(
      settings,
      () => undefined,
      (error) => {
        throw error;
      },
    );
    await writeShopFile();
  }

  async function writeShopFile(changed: Record<string, unknown> = {}): Promise<void> {
    const file = {
      merchantId: 'merchant_demo',
      secretKey: SECRET_KEY,
      webhookSecret: SECRET,
      apiUrl: sluice.url,
      checkoutUrl,
      opsUrl: 'http://127.0.0.1:1',
      sandboxUrl: url(),
      tills: {
        razorpay: {
          merchantId: 'merchant_demo_razorpay',
          account: RAZORPAY_ACCOUNT.account,
          key: RAZORPAY_KEY,
          hookSecret: RAZORPAY_SECRET,
        },
      },
      ...changed,
    };
    await writeFile(`${shopFile}.new`, JSON.stringify(file));
    await rename(`${shopFile}.new`, shopFile);
  }

  await start();
  return {
    sluice,
    url,
    shopFile,
    ordersFile: join(folder, 'bank/shop-orders.ndjson'),
    writeShopFile,
    restart: async () => {
      await sandbox.stop();
      await start();
    },
    stop: async () => {
      await sandbox.stop();
      await sluice.stop();
      await rm(folder, { recursive: true });
    },
  };
}
