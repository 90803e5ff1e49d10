/**
 * Records: the books and the client log, sorted by payment, so that they can be joined with the databases.
 *
 * A charge or an answer becomes one line that begins with the 32 hex digits of its id; a {@link LineSorter} puts them in order.
 * A text that may hold a space stands at the end of its line, as JSON.
 *
 * @module
 */

import { type IntentId, intentIdOf, parseTransactionId, type TransactionId } from '../domain/ids.ts';
import type { ProcessorName } from '../domain/processor-word.ts';
import type { PublicStatus } from '../domain/transaction.ts';
import { type Book, type Charge, type Refusal, readBook, tookMoney } from './book.ts';
import { createLineSorter } from './line-sorter.ts';
import { Ordered } from './ordered.ts';
import type { BookedCharge, BookedRefusal } from './rules.ts';
import { readClientLog, type Told } from './told.ts';

/** Lines of all books, in the order of their references. */
export interface SortedBooks {
  lines: Ordered<BookedCharge | BookedRefusal>;
  /** Lines that took money. */
  count: number;
}

/**
 * Reads all books to their ends.
 * @param folder for temporary files
 * @param from charges of payments with a lower id are passed over
 * @param onForeign hears of each charge whose reference no gateway of ours can have given
 * @throws RecordError
 */
export async function sortBooks(
  { books, account }: { books: readonly Book[]; account: string | undefined },
  folder: string,
  from: IntentId,
  onForeign: (reference: string) => void,
): Promise<SortedBooks> {
  const sorter = createLineSorter({ folder, name: 'book' });
  let count = 0;
  for (const book of books) {
    for await (const page of readBook(book, account)) {
      const lines: string[] = [];
      for (const line of page) {
        const transactionId = parseTransactionId(line.reference);
        if (transactionId !== null && transactionId < from) continue;
        if (transactionId !== null) lines.push(textOfBooked(transactionId, line));
        else if (tookMoney(line)) onForeign(line.reference);
        if (tookMoney(line)) count += 1;
      }
      await sorter.add(lines);
    }
  }
  const lines = new Ordered(mapPages(sorter.sorted(), bookedOfText), (one) => intentIdOf(one.transactionId));
  return { lines, count };
}

/** What clients were told, in the order of payments. */
export interface SortedTold {
  told: Ordered<Told>;
  /** Intents and payments among it. */
  acknowledged: number;
}

/**
 * Reads a client log to its end.
 * @param onTorn hears of a torn last line
 * @throws RecordError
 */
export async function sortClientLog(
  path: string,
  folder: string,
  from: IntentId,
  onTorn: (line: number) => void,
): Promise<SortedTold> {
  const sorter = createLineSorter({ folder, name: 'told' });
  let acknowledged = 0;
  for await (const page of readClientLog(path, onTorn)) {
    const known = page.filter((one) => idOf(one) >= from);
    acknowledged += known.filter(({ kind }) => kind !== 'read').length;
    await sorter.add(known.map(lineOfTold));
  }
  const told = new Ordered(mapPages(sorter.sorted(), toldOfLine), (one) => intentIdOf(idOf(one)));
  return { told, acknowledged };
}

async function* mapPages<From, To>(
  pages: AsyncIterable<readonly From[]>,
  map: (item: From) => To,
): AsyncGenerator<readonly To[]> {
  for await (const page of pages) yield page.map(map);
}

function textOfBooked(transactionId: TransactionId, line: Charge | Refusal): string {
  const head = `${transactionId} ${line.processor ?? ''}`;
  return tookMoney(line)
    ? `${head} ${line.amount} ${line.currency} ${JSON.stringify(line.account)}`
    : `${head} ${JSON.stringify([line.account, line.declineCode])}`;
}

function bookedOfText(text: string): BookedCharge | BookedRefusal {
  const [transactionId, processor, first, currency, ...rest] = text.split(' ') as [
    string,
    ProcessorName | '',
    string,
    string,
    ...string[],
  ];
  const of = { transactionId, processor: processor === '' ? null : processor };
  if (first.startsWith('[')) {
    const words = text.slice(transactionId.length + processor.length + 2);
    const [account, declineCode] = JSON.parse(words) as [string | null, string | null];
    return { ...of, account, declineCode };
  }
  const account = JSON.parse(rest.join(' ')) as string | null;
  return { ...of, amount: Number(first), currency, account };
}

function idOf(told: Told): IntentId | TransactionId {
  return told.kind === 'intent' ? told.intentId : told.transactionId;
}

function lineOfTold(told: Told): string {
  switch (told.kind) {
    case 'intent':
      return `${told.intentId} intent ${told.amount} ${told.currency} ${JSON.stringify(told.orderId)}`;
    case 'pay':
      return `${told.transactionId} pay ${told.askedFor}`;
    case 'read':
      return `${told.transactionId} read ${told.status} ${told.askedAt} ${told.toldAt}`;
  }
}

function toldOfLine(line: string): Told {
  const [id, kind, first, second, ...rest] = line.split(' ') as [
    string,
    Told['kind'],
    string,
    string,
    ...string[],
  ];
  switch (kind) {
    case 'intent':
      return {
        kind,
        intentId: id,
        orderId: JSON.parse(rest.join(' ')) as string,
        amount: Number(first),
        currency: second,
      };
    case 'pay':
      return { kind, transactionId: id, askedFor: first };
    case 'read':
      return {
        kind,
        transactionId: id,
        status: first as PublicStatus,
        askedAt: Number(second),
        toldAt: Number(rest[0]),
      };
  }
}
