/**
 * The dialects this bank speaks, in the order in which they are asked who owns a path.
 * @module
 */
import type { Dialect, DialectName } from './dialect.ts';
import { payu } from './payu/dialect.ts';
import { plain } from './plain/dialect.ts';
import { Razorpay } from './razorpay/dialect.ts';
import { stripeDialect } from './stripe/dialect.ts';

function everyDialect(): readonly Dialect[] {
  return [plain, new Razorpay(), payu, stripeDialect()];
}

/** The dialects by name. */
export class Dialects {
  readonly all: readonly Dialect[];
  readonly #byName: ReadonlyMap<DialectName, Dialect>;

  constructor(all: readonly Dialect[] = everyDialect()) {
    this.all = all;
    this.#byName = new Map(all.map((dialect) => [dialect.name, dialect]));
  }

  /** The dialect of a charge or account. @throws Error when the bank does not speak it: a book of a newer bank */
  of({ dialect }: { readonly dialect: DialectName }): Dialect {
    const found = this.#byName.get(dialect);
    if (found === undefined) throw new Error(`this bank does not speak ${dialect}`);
    return found;
  }
}
