/**
 * Merchants of a rival. Their keys are no secret: a rival lives for one run, on loopback.
 *
 * @module
 */

export interface Merchant {
  readonly merchantId: string;
  readonly secretKey: string;
}

/** As many as the driver lets sell unless told otherwise. */
const MERCHANTS_MAX = 1000;

/** The merchant of demo.json. */
export const DEMO_MERCHANT: Merchant = { merchantId: 'merchant_demo', secretKey: 'sk_test_bench_demo' };

export const MERCHANTS: readonly Merchant[] = [
  DEMO_MERCHANT,
  ...Array.from({ length: MERCHANTS_MAX - 1 }, (_, n) => ({
    merchantId: `merchant_load_${n}`,
    secretKey: `sk_test_bench_${n}`,
  })),
];
