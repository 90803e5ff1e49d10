/**
 * The bank in a box, put together: open the book, owe the callbacks, listen; and stop in that order backwards.
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdir, realpath } from 'node:fs/promises';
import type { Server } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Server as SocketServer } from 'node:net';
import { Book } from './book.ts';
import { Callbacks } from './callbacks.ts';
import { Challenges } from './challenges.ts';
import { Changes } from './changes.ts';
import { Delays } from './delays.ts';
import { type BackOffice, DialectDesk } from './desk.ts';
import type { Dialect, Routes } from './dialect.ts';
import { Dialects } from './dialects.ts';
import { Faults } from './faults.ts';
import { openCounter } from './http.ts';
import { LateBookings } from './late-bookings.ts';
import { Outage } from './outage.ts';
import type { Settings } from './settings.ts';
import { SettlementFaults } from './settled.ts';
import { BankSide } from './shop/bank-side.ts';
import { noteCallback, Orders } from './shop/orders.ts';
import { Shop } from './shop/shop.ts';
import { ShopFile } from './shop/shop-file.ts';

/** A running bank. */
export interface Sandbox {
  /** The port it listens on. */
  readonly port: number;
  /** Stops accepting, writes the book, gives up unfinished callbacks (they are owed at the next start). */
  stop(): Promise<void>;
}

/** The data directory is used by another sandbox: two books of one bank could charge twice. */
export class DataDirInUseError extends Error {
  override readonly name = 'DataDirInUseError';
}

const STOP_GRACE_MS = 2000;

/**
 * Starts the bank.
 * @param say takes one line for the operator
 * @param onFailure told when the book cannot be written; the process must end, for what is on disk is unknown
 * @param dialects what it speaks
 */
export async function startSandbox(
  settings: Settings,
  say: (line: string) => void,
  onFailure: (error: Error) => void,
  dialects = new Dialects(),
): Promise<Sandbox> {
  await mkdir(settings.dataDir, { recursive: true });
  const lock = await lockDataDir(settings.dataDir);
  const onTorn = (path: string, bytes: number) =>
    say(`sandbox: ${path} ended in a torn line; ${bytes} bytes were cut off`);
  const { dataDir, durable, accounts } = settings;
  const files = { durable, onFailure, onTorn };
  const book = await Book.open(dataDir, files);
  const orders = await Orders.open(dataDir, files);
  const clock = Date.now;
  const faults = new Faults();
  const { delayMs, callbackDelayMs: callbackMs, challengeMs } = settings;
  const delays = new Delays({ ms: delayMs, callbackMs, challengeMs });
  const callbacks = new Callbacks({
    accounts,
    dialects,
    book,
    faults,
    clock,
    onFailure,
    onPosted: (posted) => void noteCallback(orders, posted, clock()).catch(onFailure),
  });
  const shop = new Shop({
    orders,
    file: new ShopFile(settings.shopFile, clock),
    bank: new BankSide({ book, faults, callbacks }),
    clock,
  });
  const changes = new Changes({ dialects, book, callbacks, delays, clock });
  const challenges = new Challenges({ dialects, changes, clock });
  const lateBookings = new LateBookings({ book, callbacks, challenges, changes, delays, clock });
  const bankUrl = () =>
    `http://${settings.host.includes(':') ? `[${settings.host}]` : settings.host}:${port}`;
  const goAway = (ms: number) => outage.begin(ms);
  const office: BackOffice = {
    accounts,
    book,
    callbacks,
    challenges,
    changes,
    lateBookings,
    faults,
    settlementFaults: new SettlementFaults(faults),
    delays,
    clock,
    bankUrl,
    dataDir,
    files,
  };
  const { desks, routes } = await openDesks(dialects.all, office);
  const server = openCounter({ ...office, dialects, routes, shop, goAway });
  const port = await listen(server, settings);
  const outage = new Outage(server, () => listen(server, { ...settings, port }), onFailure);
  for (const charge of book.all()) {
    if (charge.callback === 'due') callbacks.send(charge, charge.decidedAt + callbackMs);
    challenges.watch(charge);
    changes.watch(charge);
  }
  return {
    port,
    stop: async () => {
      await outage.stop();
      await closeServer(server);
      lateBookings.stop();
      challenges.stop();
      changes.stop();
      callbacks.stop();
      for (const desk of desks) await desk.close();
      await orders.close();
      await book.close();
      lock?.close();
    },
  };
}

/** One desk per dialect, with its routes over it. */
async function openDesks(
  dialects: readonly Dialect[],
  office: BackOffice,
): Promise<{ readonly desks: readonly DialectDesk[]; readonly routes: readonly Routes[] }> {
  const desks: DialectDesk[] = [];
  const routes: Routes[] = [];
  for (const dialect of dialects) {
    const desk = new DialectDesk(dialect, office);
    desks.push(desk);
    routes.push(await dialect.open(desk));
  }
  return { desks, routes };
}

/**
 * Holds the data directory through an abstract socket, which the system frees however the process dies. Linux only;
 * elsewhere nothing is held.
 */
async function lockDataDir(dataDir: string): Promise<SocketServer | null> {
  if (process.platform !== 'linux') return null;
  const name = createHash('sha256')
    .update(await realpath(dataDir))
    .digest('hex');
  const lock = createSocketServer();
  return await new Promise((resolve, reject) => {
    lock.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      reject(
        inUse ? new DataDirInUseError(`SANDBOX_DATA_DIR: ${dataDir} is used by another sandbox`) : error,
      );
    });
    lock.listen({ path: `\0sluice-sandbox-${name}` }, () => resolve(lock.unref()));
  });
}

function listen(server: Server, { host, port }: Settings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4096 }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Lets answers under way leave, but not longer than {@link STOP_GRACE_MS}: a delayed answer is cut off. */
async function closeServer(server: Server): Promise<void> {
  const cut = setTimeout(() => server.closeAllConnections(), STOP_GRACE_MS);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearTimeout(cut);
}
