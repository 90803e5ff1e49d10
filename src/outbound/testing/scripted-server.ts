/**
 * Scripted server: a bare TCP server that answers HTTP requests as a test tells it, also wrongly or not at all.
 *
 * @module
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';

export interface ScriptedRequest {
  /** Request line and headers. */
  head: string;
  body: Buffer;
}

/** What is done with one request; the socket is kept alive unless the script ends it. */
export type Script = (socket: Socket, request: ScriptedRequest) => void;

export interface ScriptedServer {
  port: number;
  origin: string;
  /** Every whole request that arrived, in order. */
  requests: ScriptedRequest[];
  /** Connections open at the moment. */
  sockets: ReadonlySet<Socket>;
  /** Sets what is done from now on. */
  answer(script: Script): void;
  close(): Promise<void>;
}

/**
 * Listens on a port of the system's choice. Until it is told otherwise it answers 200 with an empty object.
 * @param tls with a certificate nobody trusts
 */
export async function startScriptedServer(tls = false): Promise<ScriptedServer> {
  let script: Script = (socket) => socket.write(httpAnswer(200, '{}'));
  const requests: ScriptedRequest[] = [];
  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that leaves in the middle is part of the tests.
    socket.on('error', () => socket.destroy());
    readRequests(socket, (request) => {
      requests.push(request);
      script(socket, request);
    });
  };
  const server = tls ? createTlsServer(selfSigned(), onSocket) : createServer(onSocket);
  const port = await listen(server);
  return {
    port,
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    requests,
    sockets,
    answer(next) {
      script = next;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An HTTP answer as text. */
export function httpAnswer(status: number, body: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries({ 'content-length': String(Buffer.byteLength(body)), ...headers });
  return `HTTP/1.1 ${status} Scripted\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`;
}

/** A port nobody listens on: it was free a moment ago. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A certificate of its own for a server of a test. */
function selfSigned(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'scripted-'));
  try {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      // biome-ignore format: one option a word
      ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1', '-subj', '/CN=127.0.0.1', '-keyout', keyFile, '-out', certFile],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(keyFile), cert: readFileSync(certFile) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function readRequests(socket: Socket, onRequest: (request: ScriptedRequest) => void): void {
  let waiting = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk]);
    for (;;) {
      const end = waiting.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = waiting.subarray(0, end).toString('latin1');
      const bodyBytes = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      const from = end + 4;
      if (waiting.length < from + bodyBytes) return;
      const body = Buffer.from(waiting.subarray(from, from + bodyBytes));
      waiting = waiting.subarray(from + bodyBytes);
      onRequest({ head, body });
    }
  });
}
