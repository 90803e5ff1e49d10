/**
 * What PayU keeps of a payment beyond the core's charge. It stands in the book: no card data.
 * @module
 */
import type { Charge } from '../book.ts';

/** The merchant's own strings, as they were sent; empty where they were not. Amounts are the charge's. */
export type PayuFacts = {
  readonly txnid: string;
  readonly productinfo: string;
  readonly firstname: string;
  readonly lastname: string;
  readonly email: string;
  readonly phone: string;
  /** udf1 to udf10. */
  readonly udf: readonly string[];
  readonly surl: string;
  readonly furl: string;
  readonly pg: string;
  readonly bankcode: string;
  /** Rupees the shopper pays on top; empty for none. */
  readonly additionalCharges: string;
  /** Where UPI is collected from; empty otherwise. */
  readonly vpa: string;
};

/** The facts of a charge of this dialect. */
export function factsOf({ facts }: Charge): PayuFacts {
  return facts as PayuFacts;
}
