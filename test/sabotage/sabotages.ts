/**
 * The seeded bugs. A suite is trusted when it catches each of them.
 *
 * Every one is a bug that somebody has shipped: it compiles, and a payment that goes well still goes well with it.
 *
 * @module
 */

import type { Sabotage } from './sabotage.ts';

const TURN = 'src/runtime/turn.ts';
const ACTOR = 'src/actors/payment-actor.ts';
const STATEMENT = 'src/storage/postgres/statements/commit-turn.ts';
const COMMIT = 'src/storage/postgres/commit-turn.ts';
const SCHEMA = 'src/storage/postgres/migrations/shard/0001_payments.sql';
const PAY = 'src/checkout/pay.ts';
const BANK_CHARGE = 'src/connectors/sandbox/charge.ts';
const BANK_CALLBACK = 'src/connectors/sandbox/callback.ts';
const CALLBACK_BUS = 'src/bus/postgres/callback-bus.ts';
const VERIFY = 'src/callbacks/verify.ts';
const PAYU_CHARGE = 'src/connectors/payu/charge.ts';
const PAYU_ANSWER = 'src/connectors/payu/answer.ts';
const RAZORPAY_CHARGE = 'src/connectors/razorpay/charge.ts';

const STORE_TEST = 'src/storage/postgres/shard-store.test.ts';
const BANK_TEST = 'src/connectors/sandbox/sandbox.test.ts';
const RECEIVE_TEST = 'src/callbacks/publish.test.ts';
const HINTS_TEST = 'test/flows/hints.test.ts';
const PAYU_TEST = 'src/connectors/payu/payu.test.ts';
const RAZORPAY_TEST = 'src/connectors/razorpay/razorpay.test.ts';
const STRIPE_TEST = 'src/connectors/stripe/stripe.test.ts';

export const SABOTAGES: readonly Sabotage[] = [
  {
    number: 1,
    title: 'reply before commit',
    matters: 'A merchant is told of a payment that a crash a millisecond later takes back.',
    edits: [
      {
        file: TURN,
        find: `    let effects: Effect[];
    try {
      effects = await heard(store.commit(facts));`,
        replace: `    for (const { item, facts: own, reply } of proposals) {
      if (item === null || reply === null) continue;
      item.settle(reply(own.map(() => ({ effective: true }) as Effect)));
      item.settle = () => undefined;
      item.tries = options.triesMax;
    }
    let effects: Effect[];
    try {
      effects = await heard(store.commit(facts));`,
      },
      {
        file: ACTOR,
        find: 'effects.at(-1)!.started!;',
        replace: 'effects.at(-1)!.started ?? intent;',
      },
    ],
    caughtBy: [
      { test: 'src/runtime/turn.test.ts', name: 'nothing is answered before its commit has returned' },
      // By this seed PostgreSQL is killed while a gateway stands still just before it commits an intent.
      { campaign: 'kill', count: 1, seed: 45, breaks: 'acknowledged_absent' },
    ],
  },
  {
    number: 2,
    title: 'synchronous_commit = off',
    matters: 'A commit that was answered waits for the server’s next flush, and is lost with the server.',
    edits: [
      {
        file: 'src/storage/postgres/shard-store.ts',
        find: "synchronous_commit: 'on',",
        replace: "synchronous_commit: 'off',",
      },
      {
        file: 'src/storage/postgres/vault.ts',
        find: "options: '-c synchronous_commit=on',",
        replace: "options: '-c synchronous_commit=off',",
      },
      {
        file: 'src/embedded/postgres-conf.ts',
        find: `
synchronous_commit = on
`,
        replace: `
synchronous_commit = off
wal_writer_delay = 2s
`,
      },
    ],
    caughtBy: [
      {
        test: 'test/faults/committed.test.ts',
        name: 'every commit that has returned is there after kill -9 of PostgreSQL',
      },
      // By this seed PostgreSQL is killed at any moment.
      { campaign: 'kill', count: 1, seed: 94, breaks: 'acknowledged_absent' },
    ],
  },
  {
    number: 3,
    title: 'unique index on the idempotency key dropped',
    matters: 'Of requests with one key that come at once, each has its own effect.',
    edits: [
      {
        file: SCHEMA,
        find: `  created_at  timestamptz  NOT NULL,
  PRIMARY KEY (day, merchant_id, endpoint, key)
)`,
        replace: `  created_at  timestamptz  NOT NULL
)`,
      },
    ],
    caughtBy: [
      {
        test: STORE_TEST,
        name: 'shard store on PostgreSQL > 50 claims of one key at once over two gateways have one effect',
      },
    ],
  },
  {
    number: 4,
    title: 'retry to the processor under a new reference',
    matters: 'The answer was lost, not the charge: under a new reference the processor charges again.',
    edits: [
      {
        file: PAY,
        find: `    const word = await charge(
      { transactionId, amount, currency, orderId, leg, account, returnUrl, browser, mayLeave },
      method,
    );`,
        replace: `    const order = { transactionId, amount, currency, orderId, leg, account, returnUrl, browser, mayLeave };
    let word = await charge(order, method);
    if (word.said === 'unknown') {
      word = await charge({ ...order, transactionId: \`\${transactionId.slice(0, -1)}f\` }, method);
    }`,
      },
    ],
    caughtBy: [
      {
        test: 'test/flows/payment.test.ts',
        name: 'outcomes nobody told us > the answer is lost and no callback comes: the payment ends in SUCCESS, charged once',
      },
    ],
  },
  {
    number: 5,
    title: 'a charge without an answer is sent once more',
    matters: 'A time-out says nothing: whoever is sent the charge next, the first may have made it.',
    edits: [
      {
        file: BANK_CHARGE,
        find: '      const answer = await client.exchange({',
        replace: '      const send = () => client.exchange({',
      },
      {
        file: BANK_CHARGE,
        find: '      return readAnswer(config.name, request, answer, deps.now());',
        replace: `      const first = await send();
      const answer = first.kind === 'unknown' ? await send() : first;
      return readAnswer(config.name, request, answer, deps.now());`,
      },
    ],
    caughtBy: [
      {
        test: BANK_TEST,
        name: 'contract of SANDBOX > a charge nobody answered for > silence after sending is "unknown", and nothing is sent again',
      },
    ],
  },
  {
    number: 6,
    title: 'status updated without compare-and-set',
    matters:
      'Of two gateways that move an attempt, the later one undoes what the first has told the merchant.',
    edits: [
      {
        file: STATEMENT,
        find: `
    and t.status = u.expected_status and t.revision = u.expected_revision`,
        replace: '',
      },
    ],
    caughtBy: [
      {
        test: STORE_TEST,
        name: 'shard store on PostgreSQL > a move is made only from the expected status and revision',
      },
    ],
  },
  {
    number: 7,
    title: 'outbox row written after the commit',
    matters: 'A crash between the two leaves a paid order of which the merchant never hears.',
    edits: [
      {
        file: STATEMENT,
        find: '    where u.event_id is not null) e',
        replace: '    where false) e',
      },
      {
        file: COMMIT,
        find: '  return effectsOf(facts, row);',
        replace: `  const moved = idsOf(row.moves);
  for (const fact of facts) {
    if (fact.kind !== 'attempt-moved' || fact.event === null || !moved.has(fact.attempt.transactionId)) continue;
    const { attempt, event } = fact;
    const { merchantId, paymentIntentId, transactionId, status } = attempt;
    await link.query({
      text: \`insert into outbox (event_id, merchant_id, payment_intent_id, transaction_id, type, status, sequence, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, now())\`,
      values: [event.eventId, merchantId, paymentIntentId, transactionId, event.type, status, 1],
    });
  }
  return effectsOf(facts, row);`,
      },
    ],
    caughtBy: [
      {
        test: 'src/storage/postgres/commit-turn.test.ts',
        name: 'a connection lost right after a move leaves the move and its event, or neither',
      },
    ],
  },
  {
    number: 8,
    title: 'callback answered 200 before the write',
    matters: 'The processor has its 200 and never calls again; what it said is gone.',
    edits: [
      {
        file: CALLBACK_BUS,
        find: '        return await options.apply(callback);',
        replace: `        options.apply(callback).catch((error: unknown) => options.onFailed?.(error));
        return { ok: true, verdict: null };`,
      },
    ],
    caughtBy: [
      {
        test: 'src/bus/postgres/callback-bus.test.ts',
        name: 'publishing answers what the actor has committed, and nothing earlier',
      },
    ],
  },
  {
    number: 9,
    title: 'an error in a batch swallows the neighbours',
    matters: 'One row that the database refuses fails the payments that happened to share its commit.',
    edits: [
      {
        file: TURN,
        find: "(kind === 'poisoned' || kind === 'halfway' || kind === 'fenced') && proposals.length > 1",
        replace: "kind === 'halfway' && proposals.length > 1",
      },
    ],
    caughtBy: [{ test: 'src/runtime/turn.test.ts', name: 'a row at fault fails alone' }],
  },
  {
    number: 10,
    title: 'stale owner of a shard not fenced',
    matters: 'A gateway with an old map writes payments into a database that nobody reads them from.',
    edits: [
      {
        file: STATEMENT,
        find: 'select from owned having coalesce(sum(least(high, $2) - greatest(low, $1) + 1), 0) = $2::int - $1::int + 1),',
        replace: 'select count(*) from owned having $1::int <= $2::int),',
      },
    ],
    caughtBy: [
      {
        test: STORE_TEST,
        name: 'shard store on PostgreSQL > ids of a logical shard the database does not own are fenced, all or nothing',
      },
    ],
  },
  {
    number: 11,
    title: 'expiry by the wall clock',
    matters: 'With the clock set back a charge leaves after recovery has proved that it never will.',
    edits: [
      {
        file: PAY,
        find: `  const sendBefore = deps.monotonicMs() + deps.limits.sendBeforeMs;
  return () => deps.monotonicMs() < sendBefore && deps.now() < command.sendBefore;`,
        replace: '  return () => deps.now() < command.sendBefore;',
      },
    ],
    caughtBy: [
      {
        test: 'src/checkout/pay.test.ts',
        name: 'once the time to send has passed by the monotonic clock, the charge may not leave',
      },
    ],
  },
  {
    number: 12,
    title: 'signature compared, undefined to undefined',
    matters: 'An account without a secret takes a callback without a signature from anybody.',
    edits: [
      {
        file: BANK_CALLBACK,
        find: "import { createHmac, timingSafeEqual } from 'node:crypto';",
        replace: "import { createHmac } from 'node:crypto';",
      },
      {
        file: BANK_CALLBACK,
        find: `  if (!/^[0-9]{1,12}$/.test(timestamp) || !/^[0-9a-f]{64}$/.test(signature)) return false;
  const given = Buffer.from(signature, 'hex');
  let signed = false;
  // Every secret is tried, whichever is right: time tells nothing.
  for (const secret of secrets) {
    if (secret === '') continue;
    const expected = createHmac('sha256', secret).update(\`\${timestamp}.\`).update(body).digest();
    if (timingSafeEqual(expected, given)) signed = true;
  }
  return signed;`,
        replace: `  const given = signature === '' ? undefined : signature;
  const [current, previous] = secrets.map((secret) =>
    secret === '' ? undefined : createHmac('sha256', secret).update(\`\${timestamp}.\`).update(body).digest('hex'),
  );
  return current === given || (previous !== undefined && previous === given);`,
      },
    ],
    caughtBy: [
      { test: BANK_TEST, name: 'contract of SANDBOX > callback > no signature does not match no secret' },
    ],
  },
  {
    number: 13,
    title: 'card number in an error message',
    matters: 'Error messages go to logs, tickets and screenshots, and each of them is then in scope.',
    edits: [
      {
        file: PAY,
        find: "refusal('card_invalid', 'Nothing was charged. Please check the card.', { errors }),",
        replace: `refusal('card_invalid', \`Nothing was charged. Please check the card \${method.kind === 'card' ? Buffer.from(method.card.pan) : ''}.\`, { errors }),`,
      },
    ],
    caughtBy: [{ test: 'test/flows/bad-input.test.ts', name: 'a card > that fails its check digit' }],
  },
  {
    number: 14,
    title: 'export read without its last line',
    matters: 'Files end without a newline, and the charge on that line is then nobody’s: never reconciled.',
    edits: [
      {
        file: 'src/verification/lines.ts',
        find: `
  if (rest.length > 0) yield { lines: linesOf(rest), firstLine, open: true };`,
        replace: '',
      },
    ],
    caughtBy: [
      {
        test: 'src/verification/book.test.ts',
        name: 'NDJSON > has the lines that took money, in their order, also the last without a newline',
      },
    ],
  },
  {
    number: 15,
    title: 'idempotency answers in memory only',
    matters: 'The client retries because the gateway died, and with it the memory of what it had done.',
    edits: [
      {
        file: ACTOR,
        find: '  const behind = createWriteBehind(options.paymentsMax);',
        replace: `  const behind = createWriteBehind(options.paymentsMax);
  const answers = new Map<string, StoredKey>();`,
      },
      {
        file: ACTOR,
        find: '    const stored = afresh ? memory.readKey(key) : null;',
        replace:
          '    const stored = (afresh ? memory.readKey(key) : null) ?? answers.get(keyName(key)) ?? null;',
      },
      {
        file: ACTOR,
        find: `    memory.proposeKey(key);
    return [{ kind: 'key-claimed', key, effectId, answer: body, at }];`,
        replace: `    answers.set(keyName(key), { bodyHash: key.bodyHash, effectId, answer: body, createdAt: at });
    return [];`,
      },
      {
        file: ACTOR,
        find: '    if (key === null) return answer(reply);',
        replace:
          '    if (claim(key, command.sessionId, command.answer, command.now).length === 0) return answer(reply);',
      },
    ],
    caughtBy: [{ test: 'test/flows/idempotency.test.ts', name: 'a key survives kill -9 of the gateway' }],
  },
  {
    number: 16,
    title: 'fallback when the first processor is silent',
    matters: 'The first one may have charged: its answer was lost, not the money.',
    edits: [
      {
        file: 'src/domain/routing.ts',
        find: "  return word.said === 'not_sent' ? (UNREACHED[word.failureCode ?? ''] ?? null) : null;",
        replace: `  if (word.said === 'unknown') return 'first_unreachable';
  return word.said === 'not_sent' ? (UNREACHED[word.failureCode ?? ''] ?? null) : null;`,
      },
    ],
    caughtBy: [
      {
        test: 'test/properties/orders.test.ts',
        name: 'all orders of the sender, its time, callbacks that come twice and a question > a second bank at hand, first: charged, the answer lost',
      },
      {
        test: 'test/simulation/simulation.test.ts',
        name: 'whatever goes wrong, no seed loses a payment, doubles a charge or leaves one open',
      },
    ],
  },
  {
    number: 17,
    title: 'second processor charged before commit B2',
    matters: 'A crash between the two leaves a charge at a processor that nobody will ever ask.',
    edits: [
      {
        file: PAY,
        find: '  if (!(await startLeg(deps, begun, word))) return word;',
        replace:
          '  startLeg(deps, begun, word).catch((error: unknown) => deps.onTrouble("word_lost", error));',
      },
    ],
    caughtBy: [
      {
        test: 'test/simulation/simulation.test.ts',
        name: 'whatever goes wrong, no seed loses a payment, doubles a charge or leaves one open',
      },
    ],
  },
  {
    number: 18,
    title: 'PayU’s answer believed without verify_payment',
    matters: 'An answer is no proof: the order is shipped, and PayU has no such payment in its books.',
    edits: [
      {
        file: PAYU_ANSWER,
        find: "  | { kind: 'final' }",
        replace: "  | { kind: 'final'; payment: PayuPayment }",
      },
      { file: PAYU_ANSWER, find: "return { kind: 'final' };", replace: "return { kind: 'final', payment };" },
      {
        file: PAYU_CHARGE,
        find: '        return await verified(request, method);',
        replace: `        if (claim.payment.status !== 'success') return await verified(request, method);
        return wordOf(claim.payment, {
          source: 'answer',
          leg: request.leg,
          account: request.account.account,
          at: deps.now(),
          ambiguousUntil: Number.POSITIVE_INFINITY,
        });`,
      },
    ],
    caughtBy: [
      { test: PAYU_TEST, name: 'a charge at PayU > a success that verify_payment does not confirm is none' },
    ],
  },
  {
    number: 19,
    title: 'PayU’s callback believed without verify_payment',
    matters: 'What signs it covers neither PayU’s id nor a time: one genuine callback, kept, pays again.',
    edits: [
      {
        file: 'src/connectors/payu/callback.ts',
        find: "    said: 'accepted',",
        replace: "    said: status === 'success' ? 'charged' : 'accepted',",
      },
    ],
    caughtBy: [
      {
        test: 'src/connectors/payu/callback.test.ts',
        name: 'urlencoded > a true one is a hint that names what is signed, and PayU’s id not',
      },
      {
        test: HINTS_TEST,
        name: 'a signed success is not believed before PayU says so itself; then the next hint is enough',
      },
    ],
  },
  {
    number: 20,
    title: 'PayU’s “Not Found” believed at once',
    matters: 'PayU’s books lag behind its payments: the shopper is told that nothing was charged, and was.',
    edits: [
      {
        file: 'src/connectors/payu/index.ts',
        find: 'notFound: threeTimesNotFound(config, { count: 2, msMax: 30_000 }),',
        replace: 'notFound: { ...threeTimesNotFound(config), queries: 1, proofMs: 0 },',
      },
    ],
    caughtBy: [
      {
        test: PAYU_TEST,
        name: 'contract of PAYU > the dialect > its “not found” is proof after several answers apart, or never',
      },
      {
        test: PAYU_TEST,
        name: 'what verify_payment says > three “Not Found” over a minute are proof, of a proof that lasts as long',
      },
    ],
  },
  {
    number: 21,
    title: 'Razorpay’s "authorized" taken for money',
    matters: 'What is not captured within its time goes back to the shopper, and the goods are gone.',
    edits: [
      {
        file: 'src/connectors/razorpay/status.ts',
        find: `Razorpay captures it, or lets go of it.
      return saying('accepted');`,
        replace: `Razorpay captures it, or lets go of it.
      return saying('charged');`,
      },
    ],
    caughtBy: [
      {
        test: RAZORPAY_TEST,
        name: 'a payment’s status > whatever else a payment shows, only captured money is a success',
      },
    ],
  },
  {
    number: 22,
    title: 'Razorpay’s order that was tried before paid again',
    matters: 'Somebody has sent this very charge already: paid again, its shopper may pay twice.',
    edits: [
      {
        file: RAZORPAY_CHARGE,
        find: `  return isUntouched(order) ? order : without('unknown', null, \`the order is \${order.id} \${order.status}\`);`,
        replace: "  return isUntouched(order) || order.status !== 'paid' ? order : noOrder('it is paid');",
      },
    ],
    caughtBy: [
      {
        test: RAZORPAY_TEST,
        name: 'against a server > an order that was tried before is paid no second time: attempted',
      },
    ],
  },
  {
    number: 23,
    title: 'Razorpay’s time-out listed among the certain failures',
    matters: 'Late authorisation makes a success of it, after the shopper has paid with another card.',
    edits: [
      {
        file: 'src/connectors/razorpay/reasons.ts',
        find: "row('payment_timed_out', 'ambiguous'),",
        replace: "row('payment_timed_out', 'closed'),",
      },
    ],
    caughtBy: [
      {
        test: RAZORPAY_TEST,
        name: "contract > query > found: declined with 'payment_timed_out', 'ambiguous'",
      },
    ],
  },
  {
    number: 24,
    title: 'Stripe left for another without its cancel confirmed',
    matters:
      'The intent that nobody cancelled can still be charged, beside the charge at the second processor.',
    edits: [
      {
        file: 'src/connectors/stripe/charge.ts',
        find: `if (cancelled.kind === 'no_answer') return uncertain(cancelled.detail);`,
        replace: `if (cancelled.kind === 'no_answer') return word;`,
      },
    ],
    caughtBy: [
      {
        test: STRIPE_TEST,
        name: 'charge > a decline by which another processor may be asked > is unknown when the cancel is answered with nothing',
      },
    ],
  },
  {
    number: 25,
    title: 'Stripe’s list read one page only',
    matters: 'On a busy day the charge is on the second page: “not found” closes what was paid.',
    edits: [
      {
        file: 'src/connectors/stripe/query.ts',
        find: '    if (!page.hasMore) {',
        replace: '    if (!page.hasMore || page.intents.length > 0) {',
      },
    ],
    caughtBy: [
      {
        test: STRIPE_TEST,
        name: 'query > the list is read to its end, newest first, near the time the attempt began',
      },
    ],
  },
  {
    number: 26,
    title: 'callback not bound to the account that signed it',
    matters:
      'Most callbacks name no account: whoever knows one merchant’s secret pays another’s orders with it.',
    edits: [
      {
        file: VERIFY,
        find: '      return { ok: true, callback: ofAccount(read.callback, account) };',
        replace: '      return { ok: true, callback: read.callback };',
      },
      {
        file: VERIFY,
        find: `function ofAccount(callback: ProcessorCallback, account: string): ProcessorCallback {
  const { word } = callback;
  if (word === null || word.processorAccount === account) return callback;
  return { ...callback, word: { ...word, processorAccount: account } };
}

`,
        replace: '',
      },
    ],
    caughtBy: [
      {
        test: RECEIVE_TEST,
        name: 'a word that names no account is one of the account whose secret signed it',
      },
    ],
  },
  {
    number: 27,
    title: 'hint not asked about',
    matters: 'A processor whose callbacks are hints has then no callbacks: payments wait for recovery.',
    edits: [
      {
        file: 'src/callbacks/publish.ts',
        find: 'if (published.ok && callback.hint && callback.transactionId !== null) {',
        replace:
          "if (published.ok && published.verdict === 'applied' && callback.hint && callback.transactionId !== null) {",
      },
    ],
    caughtBy: [
      {
        test: RECEIVE_TEST,
        name: 'a hint has its processor asked whatever the shard made of it',
      },
      { test: HINTS_TEST, name: 'a payment that failed is paid late, at a hint' },
    ],
  },
  {
    number: 28,
    title: 'age of Stripe’s signature not looked at',
    matters: 'An event of any day, kept by whoever saw it, can be told again as today’s.',
    edits: [
      {
        file: 'src/connectors/stripe/callback.ts',
        find: 'if (!(ageSeconds <= PAST_SECONDS && ageSeconds >= -FUTURE_SECONDS)) {',
        replace: 'if (!(Math.abs(ageSeconds) <= PAST_SECONDS * 1000 + FUTURE_SECONDS)) {',
      },
    ],
    caughtBy: [
      {
        test: STRIPE_TEST,
        name: 'contract of STRIPE > callback > an old one and one from the future are refused',
      },
    ],
  },
];
