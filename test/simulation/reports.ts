/**
 * Reports: what the banks say of their charges once more, long after: that one was settled, that one was taken back, and now and then
 * the opposite again.
 *
 * A row is brought to a gateway until it has been heard, the rows of one charge one after the other, and an old row comes again after a
 * newer one. The book of a bank stays as it was: its queries and callbacks go on telling of a charge that its report took back, and some
 * callbacks come again.
 *
 * @module
 */

import { showTransactionId, type TransactionId } from '../../src/domain/ids.ts';
import { ownWord, type ProcessorWord } from '../../src/domain/processor-word.ts';
import type { BankName, BookEntry } from './bank.ts';
import type { World } from './world.ts';

export interface Reports {
  /**
   * A charge of a bank has succeeded: it may be in a report.
   * @param callBack sends a callback of the success once more
   */
  charged(bank: BankName, entry: BookEntry, callBack: () => void): void;
  /** Rows that no gateway has heard yet. */
  unfinished(): number;
  /** Whether every payment is what the last row about it has said, now that all is at rest. */
  judge(): void;
}

type Said = Extract<ProcessorWord['said'], 'charged' | 'declined'>;

/** From as soon as the answer to the charge; the longer, the fewer. */
const REPORTED_AFTER_MS = [5, 40_000] as const;
const NEXT_ROW_MS = [10, 20_000] as const;
const RETRY_MS = [100, 3000] as const;
/** Of the charges in reports: taken back; taken back and given back; the others are settled. */
const TAKEN_BACK = 0.5;
const GIVEN_BACK = 0.2;
const TOLD_AGAIN = 0.3;
const CALLED_BACK_AGAIN = 0.3;

/** Reports of all banks of a run. */
export function createReports(world: World): Reports {
  const { random, between, checker, trace } = world;
  const lastSaid = new Map<TransactionId, Said>();
  let unfinished = 0;
  let lastRow = 0;

  function wordOf(bank: BankName, { charge }: BookEntry, said: Said): ProcessorWord {
    const place = { processor: bank, processorAccount: charge.account, leg: 1 };
    const detail = `row ${++lastRow}`;
    const { id: processorTxnId, amount, currency } = charge;
    const own = ownWord(place, { source: 'settlement', said, at: 0, detail });
    return { ...own, leg: null, processorTxnId, amount, currency };
  }

  async function tell(
    transactionId: TransactionId,
    words: readonly ProcessorWord[],
    callBack: () => void,
  ): Promise<void> {
    unfinished++;
    const [soonestMs, latestMs] = REPORTED_AFTER_MS;
    await world.sleep(soonestMs * (latestMs / soonestMs) ** random());
    for (const word of words) {
      await bring(transactionId, word);
      lastSaid.set(transactionId, word.said as Said);
      if (random() < CALLED_BACK_AGAIN) callBack();
      await world.sleep(between(NEXT_ROW_MS));
    }
    if (random() < TOLD_AGAIN) await bring(transactionId, words[0]!, true);
    unfinished--;
  }

  /** @param again it was heard before, and must change nothing */
  async function bring(transactionId: TransactionId, word: ProcessorWord, again = false): Promise<void> {
    for (;;) {
      const gateway = world.gateways[Math.floor(random() * world.gateways.length)]!;
      const called = await gateway.hearSettlement(transactionId, word);
      if (called.kind === 'answered' && called.answer.type === 'settlement-heard') {
        const { verdict, reason, status } = called.answer;
        trace.note('report heard', transactionId, `${word.detail} ${word.said}: ${verdict} ${status}`);
        if (verdict !== 'applied' && verdict !== 'duplicate')
          checker.violate(`${word.detail}, ${word.said}, was ${verdict}: ${reason}`, transactionId);
        if (again && verdict !== 'duplicate')
          checker.violate(`${word.detail} was heard again and ${verdict}`, transactionId);
        return;
      }
      await world.sleep(between(RETRY_MS));
    }
  }

  function judge(): void {
    for (const { model } of world.databases) {
      for (const { transactionId, status } of [...model.payments.values()].flatMap(
        ({ attempts }) => attempts,
      )) {
        const said = lastSaid.get(transactionId);
        const wanted = said === 'charged' ? 'SUCCESS' : 'FAILED';
        if (said !== undefined && status !== wanted)
          checker.violate(
            `${showTransactionId(transactionId)} is ${status}, and the last report has it ${said}`,
            transactionId,
          );
      }
    }
  }

  return {
    charged(bank, entry, callBack) {
      if (!world.happens(world.layout.reported)) return;
      const draw = random();
      const said: Said[] =
        draw < TAKEN_BACK
          ? ['declined']
          : draw < TAKEN_BACK + GIVEN_BACK
            ? ['declined', 'charged']
            : ['charged'];
      const words = said.map((one) => wordOf(bank, entry, one));
      tell(entry.transactionId, words, callBack).catch((error: unknown) => checker.violate(String(error)));
    },
    unfinished: () => unfinished,
    judge,
  };
}
