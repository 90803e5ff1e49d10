/**
 * Group send: what waits while one send is under way goes out together in the next, as facts do in a turn's commit.
 *
 * One send at a time keeps messages in their order. A group that is not acknowledged by its deadline is given up, whether it waits or is
 * under way; one that was under way may arrive all the same.
 *
 * @module
 */

import type { Timers } from '../../runtime/clock.ts';

export interface GroupSendOptions<Item> {
  /** Resolves when all are acknowledged. */
  send(items: Item[]): Promise<void>;
  /** Hears how each group ended; `error` is null when it was late. */
  onEnd(ok: boolean, items: number, error: unknown): void;
  /** Milliseconds from the arrival of a group's first. */
  deadlineMs: number;
  /** Of one send. */
  groupMax: number;
  /** That wait or are under way; more are not taken. */
  waitingMax: number;
  timers: Timers;
}

export interface GroupSend<Item> {
  /** Resolves true when it was acknowledged in time; `null` at once: there is no room, or it was closed. */
  put(item: Item): Promise<boolean> | null;
  /** Takes nothing more; resolves when what was taken has ended. */
  close(): Promise<void>;
}

interface Group<Item> {
  items: Item[];
  ended: PromiseWithResolvers<boolean>;
  /** Undefined once it has ended. */
  timer: unknown;
}

export function createGroupSend<Item>(options: GroupSendOptions<Item>): GroupSend<Item> {
  const { timers } = options;
  /** Oldest first; only the last still takes. */
  let queue: Group<Item>[] = [];
  const open = new Set<Group<Item>>();
  let items = 0;
  let sending = false;
  let closed = false;

  function groupWithRoom(): Group<Item> {
    const last = queue.at(-1);
    if (last !== undefined && last.items.length < options.groupMax) return last;
    const group: Group<Item> = { items: [], ended: Promise.withResolvers(), timer: undefined };
    group.timer = timers.setTimeout(() => {
      queue = queue.filter((one) => one !== group);
      end(group, false, null);
    }, options.deadlineMs);
    queue.push(group);
    open.add(group);
    return group;
  }

  function end(group: Group<Item>, ok: boolean, error: unknown): void {
    // A late group has ended before its send has.
    if (!open.delete(group)) return;
    timers.clearTimeout(group.timer);
    items -= group.items.length;
    options.onEnd(ok, group.items.length, error);
    group.ended.resolve(ok);
  }

  async function sendAll(): Promise<void> {
    sending = true;
    for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
      try {
        await options.send(group.items);
        end(group, true, null);
      } catch (error) {
        end(group, false, error);
      }
    }
    sending = false;
  }

  return {
    put(item) {
      if (closed || items >= options.waitingMax) return null;
      const group = groupWithRoom();
      group.items.push(item);
      items++;
      if (!sending) void sendAll();
      return group.ended.promise;
    },
    async close() {
      closed = true;
      await Promise.all([...open].map((group) => group.ended.promise));
    },
  };
}
