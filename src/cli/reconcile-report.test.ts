import { expect, it } from 'vitest';
import { HOSTILE, SAMPLE_REPORT, SAMPLE_RUN } from '../reconciliation/testing/sample-report.ts';
import { reportText } from './reconcile-report.ts';

it('a report on a terminal: what was found, the ledger, what was set aside, what is to be done', () => {
  expect(reportText(SAMPLE_REPORT, 'table')).toMatchInlineSnapshot(`
    "RAZORPAY of 2026-01-21, account acc_SluiceWorld001: run 12, done
      from razorpay-2026-01-21.csv.gz, sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      2026-01-22T02:11:28.000Z, by cron: 1,000,000 rows in 40.0 s (25,000 rows/s), 3 not settled yet, 2 set aside

    class               count                amount                fee                tax                   net
    matched           988,120  4,850,000,123.00 INR  97,000,002.46 INR  17,460,000.44 INR  4,735,540,120.10 INR
    matched             9,000         45,000.00 USD       1,305.00 USD           0.00 USD         43,695.00 USD
    already_posted      2,310     11,550,000.00 INR     231,000.00 INR      41,580.00 INR     11,277,420.00 INR
    failed_there           40         20,000.00 INR           0.00 INR           0.00 INR              0.00 INR
    failed_here           120         60,000.00 INR       1,200.00 INR         216.00 INR         58,584.00 INR
    unknown_settled       310        155,000.00 INR       3,100.00 INR         558.00 INR        151,342.00 INR
    amount_differs         21         10,500.00 INR         210.00 INR          37.80 INR         10,252.20 INR
    currency_differs        2            100.00 USD           2.90 USD           0.00 USD             97.10 USD
    fee_differs            44         22,000.00 INR         660.00 INR         118.80 INR         21,221.20 INR
    unknown_here           12          6,000.00 INR         120.00 INR          21.60 INR          5,858.40 INR
    twice                  19          9,500.00 INR         190.00 INR          34.20 INR          9,275.80 INR
    missing_there           3          1,500.00 INR           0.00 INR           0.00 INR              0.00 INR
    not_due             4,102      2,051,000.00 INR           0.00 INR           0.00 INR              0.00 INR

    Ledger of this run: debits positive, credits negative
      account                                 INR             USD
      processor_receivable   4,746,786,741.70 INR   43,792.10 USD
      processor_fees            97,236,282.46 INR    1,307.90 USD
      processor_tax             17,502,566.84 INR        0.00 USD
      merchant_payable      -4,775,800,000.00 INR  -44,325.00 USD
      merchant_fees            -85,699,591.00 INR     -675.00 USD
      suspense                     -26,000.00 INR     -100.00 USD
      sum                                0.00 INR        0.00 USD

    Set aside: lines that could not be read
      line 17: amount: not a whole number of paise
      line 90210: "><script>alert(1)</script>

    For a person
      amount_differs  21  20 s old: brk_1_1 brk_1_2
        Ask the processor which is right. Accept to post what was reported, dismiss to leave it in suspense.
      currency_differs  2  none is open
        Most often the account is set up to convert. Accept to post what was reported, dismiss to leave it in suspense.
      fee_differs  44  20 s old: brk_1_3 …
        Claim the difference from the processor, or mend the contract of the account here. Then dismiss.
      unknown_here  12  20 s old: brk_1_4
        Find whose money it is: a refund made at the processor’s own pages, another system on the same account. Then dismiss with what you found.
      twice  19  none is open
        Ask the processor whether the shopper was charged twice, and have one refunded. Then dismiss.
      missing_there  3  20 s old: brk_1_5
        Ask the processor when it settles it. A later report that has it closes this by itself; dismiss only what will never come.

    Corrections: 468 made, 2 waiting, 0 refused
      The gateways make them; see how far they are: sluice reconcile show 12
    A person is to look.
      See them:   sluice reconcile breaks --run 12
      Close one:  sluice reconcile resolve brk_1_1 --as accepted|dismissed --reason TEXT
    "
  `);
});

it('JSON is one line with minor units as text, and nothing is lost of it', () => {
  const text = reportText(SAMPLE_REPORT, 'json');
  expect(text.trimEnd()).not.toContain('\n');
  expect(JSON.parse(text)).toMatchObject({
    ...{ runId: 12, processor: 'RAZORPAY', day: '2026-01-21', sha256: SAMPLE_RUN.digest, needsPerson: true },
    ...{ corrections: { made: 468, waiting: 2, refused: 0 }, setAside: [{ line: 17 }, { detail: HOSTILE }] },
  });
  expect(JSON.parse(text).breaks[0]).toMatchObject({
    ageSeconds: 20,
    reported: { amount: '50000', tax: '180' },
  });
});

it('control characters of others reach no terminal', () => {
  const badLines = [{ line: 1, detail: '\u001b[2Jgone' }];
  expect(reportText({ ...SAMPLE_REPORT, badLines }, 'table')).toContain('line 1: ?[2Jgone');
});

it('a clean run says so, and that what waits is waited for', () => {
  const report = { ...SAMPLE_RUN.report!, badLines: 0, totals: SAMPLE_RUN.report!.totals.slice(0, 1) };
  const clean = { ...SAMPLE_REPORT, run: { ...SAMPLE_RUN, report }, badLines: [], breaks: [] };
  const lastOf = (waiting: number): string | undefined =>
    reportText({ ...clean, corrections: { made: 0, waiting, refused: 0 } }, 'table')
      .trimEnd()
      .split('\n')
      .at(-1);
  expect([lastOf(0), lastOf(2)]).toEqual(['Clean.', 'Clean, but for what waits.']);
});
