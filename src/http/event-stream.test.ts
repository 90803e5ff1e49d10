import { afterEach, expect, test, vi } from 'vitest';
import { createEventStreams, type EventStream } from './event-stream.ts';

afterEach(() => {
  vi.useRealTimers();
});

/** A client that reads when it is told to. */
function wire() {
  const written: string[] = [];
  let reads = true;
  let onWritable: (offset: number) => boolean = () => true;
  return {
    written,
    stall: () => {
      reads = false;
    },
    read: () => {
      reads = true;
      onWritable(0);
    },
    cork: (write: () => void) => write(),
    write: (chunk: string) => {
      written.push(chunk);
      return reads;
    },
    onWritable: (handler: (offset: number) => boolean) => {
      onWritable = handler;
    },
    end: () => written.push('(end)'),
  };
}

test('for a client that does not read only the newest event is kept, and no heartbeat piles up', () => {
  vi.useFakeTimers();
  const streams = createEventStreams(1000);
  const client = wire();
  let stream: EventStream | undefined;
  streams.start(client, (opened) => {
    stream = opened;
    return () => undefined;
  });
  vi.advanceTimersByTime(1000);
  expect(client.written).toEqual([': still here\n\n']);
  client.stall();
  for (const data of ['1', '2', '3']) stream?.send('state', data);
  vi.advanceTimersByTime(10_000);
  expect(client.written.slice(1)).toEqual(['event: state\ndata: 1\n\n']);
  client.read();
  expect(client.written.slice(2)).toEqual(['event: state\ndata: 3\n\n']);
  streams.endAll();
  expect(vi.getTimerCount()).toBe(0);
});

test('a stream is over once, also when it is ended while it begins', () => {
  const streams = createEventStreams();
  let over = 0;
  const left = streams.start(wire(), (stream) => {
    stream.end();
    return () => {
      over++;
    };
  });
  left();
  expect([over, streams.open]).toEqual([1, 0]);
});
