/**
 * The routes of what became of money: charges, events, balance transactions, payouts, reports.
 * @module
 */
import { type Answer, answer } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { Account, Desk } from '../dialect.ts';
import type { Records } from '../records.ts';
import { termsOf } from './account.ts';
import { type Movement, movementsOf, type Payout, showMovement, showPayout } from './balance.ts';
import { internalError, missing } from './errors.ts';
import { historyOf, historyOfUntried, type StripeEvent } from './events.ts';
import { expansion } from './expansion.ts';
import { listAt, textAt } from './form.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import { executeOnce } from './intent-routes.ts';
import { hasCharge, newSuffix } from './intents.ts';
import type { Ledger } from './ledger.ts';
import { isWithin, pageOf } from './paging.ts';
import { checkParams, listOf, moment, paging, type Rules, text } from './params.ts';
import { type Call, refusal, replyWith } from './replies.ts';
import { type ReportRun, readReportOrder, showRun, writeReport } from './reports.ts';
import { showCharge, showIntent, showList } from './show.ts';

const ONE: Rules = { expand: expansion };
const EVENTS: Rules = { ...paging, expand: expansion, created: moment, type: text(), types: listOf(text()) };
const MOVEMENTS: Rules = {
  ...paging,
  expand: expansion,
  created: moment,
  currency: text(),
  payout: text(),
  source: text(),
  type: text(),
};
const PAYOUTS: Rules = {
  ...paging,
  expand: expansion,
  created: moment,
  arrival_date: moment,
  status: text(),
};

/** How a list is found: what it is of, what may be asked, and everything there is, newest first. */
interface Listing<Item> {
  readonly object: string;
  readonly url: string;
  readonly rules: Rules;
  readonly found: readonly Item[];
  readonly idOf: (item: Item) => string;
  readonly show: (item: Item) => object;
}

export class MoneyRoutes {
  readonly #desk: Desk;
  readonly #ledger: Ledger;
  readonly #keys: IdempotencyKeys;
  readonly #runs: Records<ReportRun>;

  constructor(parts: {
    readonly desk: Desk;
    readonly ledger: Ledger;
    readonly keys: IdempotencyKeys;
    readonly runs: Records<ReportRun>;
  }) {
    this.#desk = parts.desk;
    this.#ledger = parts.ledger;
    this.#keys = parts.keys;
    this.#runs = parts.runs;
  }

  /** `GET /v1/charges/:id` */
  async charge(call: Call, id: string): Promise<void> {
    const problem = checkParams(call.params, ONE);
    if (problem !== undefined) return answer(call.response, refusal(call, problem));
    const charge = this.#desk.book.findById(id);
    const own = charge?.account === call.account.account && hasCharge(charge) ? [charge] : [];
    await this.#desk.query(
      call.response,
      { reference: own[0]?.reference ?? id, charges: own },
      {
        found: ([found]) => replyWith(call, showCharge(found!)),
        notFound: () => refusal(call, missing('charge', id, 'id')),
        internalError: () => refusal(call, internalError),
      },
    );
  }

  /** `GET /v1/events`, and one of them */
  async events(call: Call, id: string | undefined): Promise<void> {
    const events = await this.#events(call);
    const wanted = [...listAt(call.params, 'types'), ...(textAt(call.params, 'type') ?? '').split(' ')];
    const types = wanted.filter((type) => type !== '');
    this.#answer(call, id, {
      object: 'event',
      url: '/v1/events',
      rules: EVENTS,
      found: events.filter(
        ({ type, created }) =>
          (id !== undefined || types.length === 0 || types.includes(type)) &&
          isWithin(call.params, created * 1000),
      ),
      idOf: (event) => event.id,
      show: (event) => event,
    });
  }

  /** `GET /v1/balance_transactions`, and one of them */
  async movements(call: Call, id: string | undefined): Promise<void> {
    const asked = (name: string, value: string | undefined) => {
      const wanted = textAt(call.params, name);
      return wanted === undefined || wanted === value;
    };
    const now = this.#desk.clock();
    this.#answer(call, id, {
      object: 'balance_transaction',
      url: '/v1/balance_transactions',
      rules: MOVEMENTS,
      found: (await this.#movements(call, now)).filter(
        (movement) =>
          asked('currency', movement.currency) &&
          asked('payout', movement.payout?.id) &&
          asked('source', movement.source) &&
          asked('type', movement.type) &&
          isWithin(call.params, movement.createdAt),
      ),
      idOf: (movement) => movement.id,
      show: (movement) => showMovement(movement, now),
    });
  }

  /** `GET /v1/payouts`, and one of them */
  async payouts(call: Call, id: string | undefined): Promise<void> {
    const movements = await this.#movements(call, this.#desk.clock());
    const payouts = movements.flatMap(({ type, payout }) => (type === 'payout' ? (payout ?? []) : []));
    const status = textAt(call.params, 'status') ?? 'paid';
    this.#answer<Payout>(call, id, {
      object: 'payout',
      url: '/v1/payouts',
      rules: PAYOUTS,
      found: payouts.filter(({ at }) => status === 'paid' && isWithin(call.params, at)),
      idOf: (payout) => payout.id,
      show: showPayout,
    });
  }

  /** `POST /v1/reporting/report_runs`: ready when it is looked at again. */
  async orderReport(call: Call): Promise<void> {
    const read = readReportOrder(call.params);
    if (!read.ok) return answer(call.response, refusal(call, read.error));
    await executeOnce(this.#keys, call, this.#desk.clock, async () => {
      const run: ReportRun = {
        ...read.order,
        id: `frr_${newSuffix()}`,
        account: call.account.account,
        createdAt: this.#desk.clock(),
      };
      await this.#runs.put(run.id, run);
      return replyWith(call, showRun(run, null));
    });
  }

  /** `GET /v1/reporting/report_runs/:id` */
  async report(call: Call, id: string): Promise<void> {
    const run = this.#runOf(call, id);
    if (run === undefined)
      return answer(call.response, refusal(call, missing('report run', id, 'report_run')));
    const csv = writeReport(run, await this.#movements(call, this.#desk.clock()));
    const fileId = run.id.replace('frr_', 'file_');
    const file = {
      id: fileId,
      object: 'file',
      created: Math.floor(run.createdAt / 1000),
      expires_at: null,
      filename: `${fileId}.csv`,
      links: { object: 'list', data: [], has_more: false, url: `/v1/file_links?file=${fileId}` },
      purpose: 'finance_report_run',
      size: Buffer.byteLength(csv),
      title: `${run.reportType} report`,
      type: 'csv',
      url: `${this.#desk.bankUrl()}/v1/files/${fileId}/contents`,
    };
    answer(call.response, replyWith(call, showRun(run, file)));
  }

  /** `GET /v1/files/:id/contents`: the CSV of a report, with the same key. */
  async file(call: Call, id: string): Promise<void> {
    const run = this.#runOf(call, id.replace('file_', 'frr_'));
    if (run === undefined) return answer(call.response, refusal(call, missing('file upload', id, 'file')));
    const body = writeReport(run, await this.#movements(call, this.#desk.clock()));
    answer(call.response, { ...replyWith(call, {}), body, type: 'text/csv; charset=utf-8' });
  }

  /** An object of the account that others name by its id, as it stands. */
  find(account: Account, id: string): object | undefined {
    const { book, bankUrl, clock } = this.#desk;
    if (id.startsWith('pi_')) {
      const standing = this.#ledger.find(account.account, id);
      return standing && showIntent(standing, bankUrl());
    }
    if (id.startsWith('ch_')) {
      const charge = book.findById(id);
      return charge?.account === account.account && hasCharge(charge) ? showCharge(charge) : undefined;
    }
    const now = clock();
    const settled = this.#desk.settled(book.ofAccount(account.account));
    const movement = movementsOf(settled, termsOf(account), now).find(
      (one) => one.id === id || (one.type === 'payout' && one.source === id),
    );
    if (movement?.source === id && movement.payout !== undefined) return showPayout(movement.payout);
    return movement && showMovement(movement, now);
  }

  #runOf({ account }: Call, id: string): ReportRun | undefined {
    const run = this.#runs.get(id);
    return run?.account === account.account ? run : undefined;
  }

  /** One, or a page of all. */
  #answer<Item>(call: Call, id: string | undefined, listing: Listing<Item>): void {
    const problem = checkParams(call.params, id === undefined ? listing.rules : ONE);
    if (problem !== undefined) answer(call.response, refusal(call, problem));
    else answer(call.response, id === undefined ? listed(call, listing) : shown(call, id, listing));
  }

  async #events({ account }: Call): Promise<StripeEvent[]> {
    const bankUrl = this.#desk.bankUrl();
    const tried = (await this.#charges(account.account)).flatMap((charge) => historyOf(charge, bankUrl));
    const untried = [...this.#ledger.untried(account.account)].flatMap((record) =>
      historyOfUntried(record, bankUrl),
    );
    // The sort is stable: what happened in one second stays in its order.
    return [...tried, ...untried].toSorted((one, other) => one.created - other.created).reverse();
  }

  async #movements({ account }: Call, now: number): Promise<Movement[]> {
    return movementsOf(this.#desk.settled(await this.#charges(account.account)), termsOf(account), now);
  }

  /** The charges of an account, on disk. */
  async #charges(account: string): Promise<Charge[]> {
    const charges = [...this.#desk.book.ofAccount(account)];
    for (const { written } of charges) await written;
    return charges;
  }
}

function shown<Item>(call: Call, id: string, { object, found, idOf, show }: Listing<Item>): Answer {
  const item = found.find((one) => idOf(one) === id);
  return item === undefined ? refusal(call, missing(object, id, 'id')) : replyWith(call, show(item));
}

function listed<Item>(call: Call, { object, url, found, idOf, show }: Listing<Item>): Answer {
  const page = pageOf(found, idOf, call.params, object);
  if (!page.ok) return refusal(call, page.error);
  return replyWith(call, showList(page.items.map(show), page.hasMore, url));
}
