/**
 * Event stream: an answer that goes on as server-sent events (the HTML standard, 9.2).
 *
 * Promises: at most one event waits for a client that does not read, the newest; a comment goes out every few seconds,
 * so that the socket's idle time never runs out and a client that is gone is noticed; a stream is over once, whoever
 * ended it, and its owner hears of it.
 *
 * @module
 */

/** What an endpoint sends events by. Both verbs do nothing once the stream is over. */
export interface EventStream {
  /** Sends one event. Should the client not read, only the newest one is kept for it. */
  send(event: string, data: string): void;
  /** Ends the answer; the client may come again. */
  end(): void;
}

/** What is needed of a uWebSockets.js response. */
export interface StreamWire {
  cork(write: () => void): unknown;
  /** False: the client reads slower than it is written to. */
  write(chunk: string): boolean;
  onWritable(handler: (offset: number) => boolean): unknown;
  end(body: string): unknown;
}

/** The open streams of one listener. */
export interface EventStreams {
  readonly open: number;
  /**
   * Takes over a response whose status and headers are written.
   * @param begin starts the sending; what it returns is called once, when the stream is over
   */
  start(wire: StreamWire, begin: (stream: EventStream) => () => void): StreamEnd;
  /** Ends every stream. */
  endAll(): void;
}

/** To be called when the client has left: the wire may not be touched any more. */
export type StreamEnd = () => void;

/** uWebSockets.js closes a connection that is silent for ten seconds. */
const HEARTBEAT_MS = 4000;
const HEARTBEAT = ': still here\n\n';

interface OpenStream {
  beat(): void;
  end(): void;
}

/** Makes the streams of one listener. Their number is bounded by whoever starts them. */
export function createEventStreams(heartbeatMs = HEARTBEAT_MS): EventStreams {
  const streams = new Set<OpenStream>();
  let timer: NodeJS.Timeout | null = null;

  const forget = (stream: OpenStream): void => {
    streams.delete(stream);
    if (streams.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
  const remember = (stream: OpenStream): void => {
    streams.add(stream);
    timer ??= setInterval(() => {
      for (const one of streams) one.beat();
    }, heartbeatMs);
  };

  return {
    get open() {
      return streams.size;
    },
    start(wire, begin) {
      let over = false;
      let writable = true;
      let waiting: string | null = null;
      let onOver = (): void => undefined;

      const write = (text: string): void => {
        wire.cork(() => {
          writable = wire.write(text);
        });
      };
      const finish = (clientLeft: boolean): void => {
        if (over) return;
        over = true;
        forget(entry);
        // Asked to close the connection, uWebSockets.js would write a header between the chunks.
        if (!clientLeft) wire.cork(() => wire.end(''));
        onOver();
      };
      const entry: OpenStream = {
        beat: () => {
          if (writable) write(HEARTBEAT);
        },
        end: () => finish(false),
      };
      wire.onWritable(() => {
        writable = true;
        if (waiting !== null && !over) {
          const text = waiting;
          waiting = null;
          write(text);
        }
        return true;
      });
      remember(entry);
      const stopped = begin({
        send: (event, data) => {
          if (over) return;
          const text = `event: ${event}\ndata: ${data}\n\n`;
          if (writable) write(text);
          else waiting = text;
        },
        end: entry.end,
      });
      if (over) stopped();
      else onOver = stopped;
      return () => finish(true);
    },
    endAll() {
      for (const stream of [...streams]) stream.end();
    },
  };
}
