/**
 * Settled: what the bank pays out, payment by payment, with the faults that are ordered for its reports.
 *
 * A report is made anew each time it is read, and must say the same each time: a fault that has struck a payment stays with it, until
 * the bank stops. What is settled is what was captured, and nothing else.
 * @module
 */
import type { Charge } from './book.ts';
import type { FaultKind, FaultOrder, Faults } from './faults.ts';

/** One movement of money that a report tells of. */
export interface Settled {
  /** As the book has it; of a fault it may be another's, or one that was declined. */
  readonly charge: Charge;
  /** How much more than the charge's own amount, and than the fee on it, in minor units. */
  readonly amountBy: number;
  readonly feeBy: number;
  /** The second movement of one payment. */
  readonly again: boolean;
  /** The report takes the payment back: it has failed after all. */
  readonly takenBack: boolean;
}

/** The faults of reports. */
export class SettlementFaults {
  readonly #faults: Faults;
  /** What has struck, by the id of the charge. */
  readonly #struck = new Map<string, FaultOrder>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  /**
   * What is settled of these charges, in their order.
   * @param powerless kinds that the dialect's reports cannot show
   * @param another the charge under another's reference
   */
  settledOf(
    charges: Iterable<Charge>,
    powerless: readonly FaultKind[],
    another: (charge: Charge) => Charge,
  ): Settled[] {
    const rows: Settled[] = [];
    for (const charge of charges) {
      if (charge.status !== 'succeeded' && charge.status !== 'declined') continue;
      const order = this.#of(charge, powerless);
      if (charge.status === 'succeeded') rows.push(...settledWith(charge, order, another));
      else if (order !== undefined) rows.push(asBooked({ ...charge, status: 'succeeded', word: undefined }));
    }
    return rows;
  }

  #of(charge: Charge, powerless: readonly FaultKind[]): FaultOrder | undefined {
    const known = this.#struck.get(charge.id);
    if (known !== undefined) return known;
    const { bin: card, reference, amount } = charge;
    const ofStatus = charge.status === 'declined' ? OF_THE_CAPTURED : OF_THE_DECLINED;
    const order = this.#faults.take('settlement', { card, reference, amount }, [...powerless, ...ofStatus]);
    if (order !== undefined) this.#struck.set(charge.id, order);
    return order;
  }
}

/** What makes an amount or a fee another, in minor units. */
const BY_DEFAULT = 100;
const OF_THE_DECLINED: readonly FaultKind[] = ['settleDeclined'];
const OF_THE_CAPTURED: readonly FaultKind[] = [
  'leaveOut',
  'twice',
  'otherAmount',
  'otherFee',
  'otherCurrency',
  'takeBack',
  'addUnknown',
];

function settledWith(
  charge: Charge,
  order: FaultOrder | undefined,
  another: (charge: Charge) => Charge,
): Settled[] {
  const row = asBooked(charge);
  switch (order?.fault) {
    case 'leaveOut':
      return [];
    case 'twice':
      return [row, { ...row, again: true }];
    case 'otherAmount':
      return [{ ...row, amountBy: order.by ?? BY_DEFAULT }];
    case 'otherFee':
      return [{ ...row, feeBy: order.by ?? BY_DEFAULT }];
    case 'otherCurrency':
      return [{ ...row, charge: { ...charge, currency: charge.currency === 'USD' ? 'EUR' : 'USD' } }];
    case 'takeBack':
      return [{ ...row, takenBack: true }];
    case 'addUnknown':
      return [row, asBooked(another(charge))];
    default:
      return [row];
  }
}

/** A charge as it is settled when nothing is wrong. */
export function asBooked(charge: Charge): Settled {
  return { charge, amountBy: 0, feeBy: 0, again: false, takenBack: false };
}
