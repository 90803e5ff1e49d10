/**
 * Gateway of the floor: its parts put together, in one thread.
 *
 * @module
 */

import type { Place } from '../rival/parts.ts';
import type { Serving } from '../rival/rival.ts';
import { createVaultKey, openVaultKey } from '../rival/vault-key.ts';
import { Charges } from './charges.ts';
import { GroupCommit } from './group-commit.ts';
import { HttpServer } from './http.ts';
import { createPageSealer } from './page-sealer.ts';
import { Payments, type Stores } from './payments.ts';
import { Sessions } from './sessions.ts';
import * as statements from './statements.ts';

/** Milliseconds from turn to turn, at least: as long as a turn of Sluice lingers at most. */
const TURN_PACE_MS = 5;
const PAGE_PACE_MS = 5;

/** Starts it on the place's port. */
export async function startGateway(place: Place): Promise<Serving> {
  const { payments: paymentsUrl, vault: vaultUrl } = place.databaseUrls;
  const turns = await GroupCommit.open(paymentsUrl!, statements.SCHEMA, TURN_PACE_MS);
  const vault = await GroupCommit.open(vaultUrl!, statements.VAULT_SCHEMA, 0);
  const stores: Stores = {
    addKey: await turns.prepare(statements.keys),
    addIntent: await turns.prepare(statements.intents),
    addAttempt: await turns.prepare(statements.attempts),
    addMove: await turns.prepare(statements.moves),
    addCallback: await turns.prepare(statements.callbacks),
    readTransaction: await turns.prepare(statements.reads),
    readIntent: await turns.prepare(statements.intentReads),
  };
  createVaultKey(place);
  const addPage = await vault.prepare(statements.pages);
  const sealCard = createPageSealer(PAGE_PACE_MS, openVaultKey(place), addPage);
  const charges = new Charges(place);
  const sessions = new Sessions();
  const server = new HttpServer();
  mount(server, new Payments({ place, stores, sessions, sealCard, charges }));
  await server.listen(place.port);
  return {
    async stop() {
      server.close();
      charges.close();
      sessions.close();
      await Promise.all([turns.close(), vault.close()]);
    },
  };
}

const KEY = ['idempotency-key'] as const;
const SIGNATURE = ['x-sandbox-timestamp', 'x-sandbox-signature'] as const;

function mount(server: HttpServer, payments: Payments): void {
  server.post('/v1/payment/intent', KEY, (answer, body, [key]) => payments.createIntent(answer, body, key!));
  server.post('/v1/payment/session', KEY, (answer, body, [key]) =>
    payments.createSession(answer, body, key!),
  );
  server.get('/checkout', (answer, { query }) => payments.showCheckout(answer, query('session')));
  server.post('/internal/payment/process', ['content-type'], (answer, body, [contentType]) =>
    payments.pay(answer, body, contentType!),
  );
  server.get('/v1/payment/transaction/:id', (answer, { id }) => payments.getTransaction(answer, id));
  server.get('/v1/payment/intent/:id', (answer, { id }) => payments.getIntent(answer, id));
  server.post('/webhooks/sandbox', SIGNATURE, (answer, body, [timestamp, signature]) =>
    payments.hearCallback(answer, body, timestamp!, signature!),
  );
}
