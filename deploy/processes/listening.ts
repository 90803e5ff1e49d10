/**
 * Listening: whether a server on loopback is there, asked over TCP.
 *
 * @module
 */
import { connect } from 'node:net';

/** A server that accepts and then says nothing is not there yet. */
const PATIENCE_MS = 1000;

/** Whether a connection to the port is accepted. */
export function accepts(port: number): Promise<boolean> {
  return heard(port, '', () => true);
}

/** Whether a Redis answers there; one that still loads its data does not. */
export function answersPing(port: number): Promise<boolean> {
  return heard(port, 'PING\r\n', (text) => text.startsWith('+PONG'));
}

/** Sends a text, where there is one, and looks at the first that comes back; without one, at nothing. */
function heard(port: number, text: string, isAnswer: (answer: string) => boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(PATIENCE_MS, () => settle(false));
    socket.on('error', () => settle(false));
    socket.on('connect', () => {
      if (text === '') settle(isAnswer(''));
      else socket.write(text);
    });
    socket.on('data', (bytes) => settle(isAnswer(bytes.toString('latin1'))));
  });
}
