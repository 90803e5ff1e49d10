/**
 * `sluice payments show`: the whole story of one payment.
 *
 * @module
 */
import { intentIdOf, showEndpointId, showEventId, showIntentId, showTransactionId } from '../domain/ids.ts';
import { intentStatus } from '../domain/payment-intent.ts';
import type { Attempt } from '../domain/transaction.ts';
import type { PaymentStory, RecordedCallback, ToldEvent } from '../storage/operator-desk.ts';
import { openOperatorDesk } from '../storage/postgres/operator-desk.ts';
import { type Command, loadOptions, readWords } from './command.ts';
import {
  attemptJson,
  callbackJson,
  idFirst,
  incidentJson,
  printable,
  shardDatabaseOf,
  showAmount,
  showOrNull,
  showTime,
} from './payments.ts';

/** The command. */
export const paymentsShow: Command = {
  name: 'payments show',
  usage: 'ID [--json] [--config FILE]',
  summary:
    'Tell the story of a payment (pi_… or txn_…): attempts with their routing and evidence, callbacks, events and their delivery, incidents, what operators did.',
  async run(words, context) {
    const { id, shown, rest } = idFirst(words);
    const read = readWords(rest, [], ['json']);
    const { options } = loadOptions(context.env, read.config);
    const desk = await openOperatorDesk(await shardDatabaseOf(options, id));
    try {
      const story = await desk.story(intentIdOf(id));
      const isThere =
        story !== null && (id === intentIdOf(id) || story.attempts.some((one) => one.transactionId === id));
      if (!isThere) {
        context.err(`${shown} is not there: it was never committed, or the partition of its day was dropped`);
        return 1;
      }
      context.out(
        read.json === true
          ? `${JSON.stringify(storyJson(story), null, 2)}\n`
          : `${storyLines(story).map(printable).join('\n')}\n`,
      );
      return 0;
    } finally {
      await desk.close();
    }
  },
};

function storyJson({ intent, attempts, callbacks, events, incidents, audit }: PaymentStory): object {
  return {
    ...intent,
    paymentIntentId: showIntentId(intent.paymentIntentId),
    status: intentStatus({ intent, attempts }),
    createdAt: showTime(intent.createdAt),
    updatedAt: showTime(intent.updatedAt),
    attempts: attempts.map(attemptJson),
    callbacks: callbacks?.map(callbackJson) ?? null,
    events: events?.map(eventJson) ?? null,
    incidents: incidents.map(incidentJson),
    operatorAudit: audit.map(({ transactionId, at, ...line }) => ({
      ...{ transactionId: showTransactionId(transactionId), ...line, at: showTime(at) },
    })),
  };
}

function eventJson({ eventId, transactionId, createdAt, deliveries, ...event }: ToldEvent): object {
  return {
    eventId: showEventId(eventId),
    transactionId: showOrNull(transactionId),
    ...event,
    createdAt: showTime(createdAt),
    deliveries: deliveries.map(({ endpointId, nextAt, log, ...delivery }) => ({
      endpointId: showEndpointId(endpointId),
      ...delivery,
      nextAt: nextAt === null ? null : showTime(nextAt),
      log: log.map((one) => ({ ...one, at: showTime(one.at) })),
    })),
  };
}

function storyLines({ intent, attempts, callbacks, events, incidents, audit }: PaymentStory): string[] {
  const { paymentIntentId, merchantId, orderId, createdAt, updatedAt } = intent;
  const status = intentStatus({ intent, attempts });
  return [
    `${showIntentId(paymentIntentId)}  ${status}  ${showAmount(intent)}`,
    `  merchant ${merchantId}, order ${orderId}`,
    `  made ${showTime(createdAt)}, changed ${showTime(updatedAt)}`,
    ...attempts.flatMap((attempt) => ['', ...attemptLines(attempt)]),
    ...section('Callbacks', callbacks?.map(callbackLine) ?? TOO_MANY),
    ...section('Events', events?.flatMap(eventLines) ?? TOO_MANY),
    ...section(
      'Incidents',
      incidents.map(({ transactionId, kind, detail, at, acknowledgedAt }) => {
        const seen =
          acknowledgedAt === null ? 'not acknowledged' : `acknowledged ${showTime(acknowledgedAt)}`;
        return `${showTime(at)}  ${showTransactionId(transactionId)}  ${kind}  ${seen}  ${detail}`;
      }),
    ),
    ...section(
      'Operators',
      audit.map(
        ({ transactionId, operator, action, reason, at }) =>
          `${showTime(at)}  ${showTransactionId(transactionId)}  ${action} by ${operator}: ${reason}`,
      ),
    ),
  ];
}

const TOO_MANY = ['not found in time: these days have too many of other payments'];

function section(name: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', name, ...lines.map((line) => `  ${line}`.trimEnd())];
}

function attemptLines(attempt: Attempt): string[] {
  const { transactionId, status, outcome, failureCode, processorTxnId, card, evidence, routing } = attempt;
  const failure = failureCode === null ? '' : ` ${failureCode}`;
  const kind = attempt.paymentMethodType === null ? '' : `${attempt.paymentMethodType} `;
  const method = card === null ? 'UPI' : `${kind}${card.brand} ${card.masked}`;
  const known = processorTxnId === null ? '' : `, there ${processorTxnId}`;
  const fallback = routing.fallback;
  return [
    `Attempt ${attempt.attempt}  ${showTransactionId(transactionId)}  ${status} (${outcome})${failure}`,
    `  ${method}, at ${attempt.processor} ${attempt.processorAccount}${known}`,
    `  could be sent until ${showTime(attempt.sendBefore)}; fallback: ${fallback === null ? 'none' : `${fallback.processor} ${fallback.processorAccount}`}`,
    ...routing.legs.map(
      ({ at, leg, processor, processorAccount, reason }) =>
        `  ${showTime(at)}  leg ${leg} to ${processor} ${processorAccount}: ${reason}`,
    ),
    ...evidence.map(({ at, source, said, leg, detail }) =>
      `  ${showTime(at)}  leg ${leg} ${source}: ${said}  ${detail}`.trimEnd(),
    ),
  ];
}

function callbackLine({
  processor,
  callbackId,
  transactionId,
  verdict,
  reason,
  said,
  receivedAt,
}: RecordedCallback): string {
  const why = reason === null ? '' : ` (${reason})`;
  return `${showTime(receivedAt)}  ${showOrNull(transactionId)}  ${processor} ${callbackId}: ${said ?? 'nothing of a charge'}, ${verdict}${why}`;
}

function eventLines(event: ToldEvent): string[] {
  const { sequence, type, eventId, createdAt, failureCode, deliveries } = event;
  const failure = failureCode === null ? '' : ` ${failureCode}`;
  const told = deliveries.map(({ endpointId, state, tries, nextAt, log }) => {
    const last = log.at(-1);
    const answer = last === undefined ? '' : `, last answer ${last.failure ?? last.status ?? 'none'}`;
    const next = nextAt === null ? '' : `, next ${showTime(nextAt)}`;
    return `  to ${showEndpointId(endpointId)}: ${state}, tries ${tries}${answer}${next}`;
  });
  return [
    `${sequence}. ${showTime(createdAt)}  ${type}${failure}  ${showEventId(eventId)}`,
    ...(told.length === 0 ? ['  told to no endpoint so far'] : told),
  ];
}
