import { connect } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { refusal } from '../domain/outcomes.ts';
import { createClientAddresses } from './client-address.ts';
import type { EventStream } from './event-stream.ts';
import { problem } from './problem.ts';
import { type HttpRequest, json, type RequestMetric, type Route } from './routes.ts';
import { type HttpServer, type HttpServerOptions, ListenError, startHttp } from './server.ts';

const open: HttpServer[] = [];
const metrics: RequestMetric[] = [];
const errors: unknown[] = [];

afterEach(() => {
  for (const server of open.splice(0)) server.close();
  metrics.length = 0;
  errors.length = 0;
});

function route(more: Partial<Route> & Pick<Route, 'handler'>): Route {
  return {
    method: 'POST',
    path: '/echo',
    name: 'echo',
    bodyLimitBytes: 1024,
    contentTypes: [],
    headers: [],
    ...more,
  };
}

async function start(routes: Route[], more: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    routes,
    limits: { requestsInFlightMax: 100, bodyTimeoutMs: 5000 },
    onRequestDone: (metric) => metrics.push(metric),
    onHandlerError: (error) => errors.push(error),
    ...more,
  });
  open.push(server);
  return server;
}

const url = (server: HttpServer, path: string): string => `http://127.0.0.1:${server.port}${path}`;
const post = (server: HttpServer, path: string, body: string, headers: Record<string, string> = {}) =>
  fetch(url(server, path), { method: 'POST', body, headers });

/** Sends bytes as they are and resolves with everything that came back: until the other side closed, or at once. */
function raw(server: HttpServer, bytes: string, atOnce = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      if (atOnce) socket.destroy();
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
    socket.write(bytes);
  });
}

test('a body in one piece or many arrives whole, and the answer carries the fixed headers', async () => {
  const bodies: Buffer[] = [];
  const server = await start([
    route({
      bodyLimitBytes: 300_000,
      headers: ['x-one'],
      handler: (request) => {
        bodies.push(Buffer.from(request.body));
        return json(201, { length: request.body.length, one: request.header('x-one'), path: request.path });
      },
    }),
  ]);
  const large = 'é'.repeat(120_000);
  const answer = await post(server, '/echo?x=1', large, { 'X-One': 'yes' });
  expect(answer.status).toBe(201);
  expect(await answer.json()).toEqual({ length: 240_000, one: 'yes', path: '/echo' });
  expect(bodies[0]?.toString('utf8')).toBe(large);
  expect(answer.headers.get('cache-control')).toBe('no-store');
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  expect(answer.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{20}$/);
  expect((await post(server, '/echo', '')).status).toBe(201);
  expect(bodies[1]?.length).toBe(0);
  expect(metrics.map(({ endpoint, status, aborted }) => ({ endpoint, status, aborted }))).toEqual([
    { endpoint: 'echo', status: 201, aborted: false },
    { endpoint: 'echo', status: 201, aborted: false },
  ]);
});

test('several cookies are several headers', async () => {
  const cookies = ['a=1; Path=/x', 'b=2; HttpOnly'];
  const server = await start([route({ handler: () => ({ ...json(200, {}), cookies }) })]);
  expect((await post(server, '/echo', '')).headers.getSetCookie()).toEqual(cookies);
});

test('parameters, query and HEAD', async () => {
  const handler = ({ params, query, path }: HttpRequest) => json(200, { params, query, path });
  const server = await start([
    route({ method: 'GET', path: '/a/:first/b/:second', handler }),
    route({ method: 'GET', path: '/a', handler }),
  ]);
  const answer = await fetch(url(server, '/a/1/b/2?q=%20'));
  expect(await answer.json()).toEqual({
    params: { first: '1', second: '2' },
    query: 'q=%20',
    path: '/a/1/b/2',
  });
  const head = await fetch(url(server, '/a'), { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(head.headers.get('content-length')).toBe(
    String(JSON.stringify({ params: {}, query: '', path: '/a' }).length),
  );
  expect(await head.text()).toBe('');
});

test('an unknown path is 404, a known one with another method 405 with Allow, and neither repeats the path', async () => {
  const server = await start([
    route({ path: '/only', handler: () => json(200, {}) }),
    route({ method: 'GET', path: '/only/:id', handler: () => json(200, {}) }),
  ]);
  const missing = await fetch(url(server, '/nothing/secret'));
  expect(missing.status).toBe(404);
  const text = await missing.text();
  expect(JSON.parse(text)).toMatchObject({ code: 'not_found' });
  expect(text).not.toContain('secret');
  const wrong = await fetch(url(server, '/only'));
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  const other = await post(server, '/only/1', 'x');
  expect([other.status, other.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

/** Sends pieces, each once the answers to those before hold what is waited for; resolves with all that came back. */
function conversation(server: HttpServer, turns: readonly [bytes: string, until: RegExp][]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1');
    let received = '';
    let turn = 0;
    socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to turn ${turn}: ${received}`)));
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      while (turn < turns.length && turns[turn]![1].test(received)) {
        turn++;
        if (turn < turns.length) socket.write(turns[turn]![0]);
        else socket.end();
      }
    });
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
    socket.write(turns[0]![0]);
  });
}

test.each([
  ['/nothing', 404],
  ['/only', 405],
  ['/next', 200],
])(
  'HEAD %s is answered %d without a body, so that the next answer of the connection is the next',
  async (path, status) => {
    const server = await start([
      route({ path: '/only', handler: () => json(200, {}) }),
      route({ method: 'GET', path: '/next', handler: () => json(200, { next: true }) }),
    ]);
    const text = await conversation(server, [
      [`HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, /\r\n\r\n/],
      ['GET /next HTTP/1.1\r\nHost: a\r\n\r\n', /\{"next":true\}/],
    ]);
    const [first, second, ...more] = text.split(/(?=HTTP\/1\.1 )/);
    expect(first).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(first).toMatch(/\r\nContent-Length: [1-9]\d*\r\n/i);
    expect(first).toMatch(/^[^{]*\r\n\r\n$/);
    expect(second).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n\r\n\{"next":true\}$/);
    expect(more).toEqual([]);
  },
);

test('browsers are told to keep to https where TLS is ours or a proxy’s, and only there', async () => {
  const routes = [route({ handler: () => json(200, {}) })];
  const strict = await start(routes, { strictTransport: true });
  for (const path of ['/echo', '/nothing']) {
    const answer = await post(strict, path, 'x');
    expect(answer.headers.get('strict-transport-security')).toBe('max-age=31536000');
  }
  const plain = await post(await start(routes), '/echo', 'x');
  expect(plain.headers.get('strict-transport-security')).toBeNull();
});

test('a refusal is told with its code, whoever refused', async () => {
  const server = await start([
    route({ handler: () => problem(refusal('intent_closed', 'no')) }),
    route({ path: '/good', handler: () => json(200, {}) }),
    route({ path: '/broken', handler: () => Promise.reject(new Error('x')) }),
  ]);
  for (const path of ['/echo', '/good', '/broken', '/nothing']) await post(server, path, 'x');
  expect(metrics.map(({ code }) => code)).toEqual(['intent_closed', null, 'internal_error', 'not_found']);
});

test('a body over its limit is 413: at once by Content-Length, on the way when chunked', async () => {
  const handler = vi.fn(() => json(200, {}));
  const server = await start([route({ bodyLimitBytes: 10, handler })]);
  const early = await raw(server, 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
  expect(early).toMatch(/^HTTP\/1.1 413 /);
  const chunked = await raw(
    server,
    'POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n',
  );
  expect(chunked).toMatch(/^HTTP\/1.1 413 /);
  const chunkedBelow = await raw(
    server,
    'POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n',
  ).catch(() => '');
  expect(handler.mock.calls.length).toBeLessThanOrEqual(1);
  expect(chunkedBelow).toMatch(/^HTTP\/1.1 200 /);
});

test('a body that does not come in time is 408', async () => {
  const handler = vi.fn(() => json(200, {}));
  const server = await start([route({ handler })], {
    limits: { requestsInFlightMax: 10, bodyTimeoutMs: 100 },
  });
  const slow = raw(server, 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  expect(await slow).toMatch(/^HTTP\/1.1 408 /);
  expect(handler).not.toHaveBeenCalled();
  expect(server.inFlight()).toBe(0);
});

test('another Content-Type than declared is 415', async () => {
  const server = await start([route({ contentTypes: ['application/json'], handler: () => json(200, {}) })]);
  expect((await post(server, '/echo', '{}', { 'content-type': 'text/plain' })).status).toBe(415);
  const charset = { 'content-type': 'Application/JSON; charset=utf-8' };
  expect((await post(server, '/echo', '{}', charset)).status).toBe(200);
});

test('a handler that throws, now or later, is a 500 that does not say why', async () => {
  const server = await start([
    route({
      path: '/now',
      handler: () => {
        throw new Error('secret reason');
      },
    }),
    route({ path: '/later', handler: () => Promise.reject(new Error('secret reason')) }),
    route({ path: '/header', handler: (request) => json(200, request.header('undeclared')) }),
  ]);
  for (const path of ['/now', '/later', '/header']) {
    const answer = await post(server, path, 'x');
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret');
  }
  expect(errors).toHaveLength(3);
});

test('a client that leaves, before or after its body was read, leaves nothing behind', async () => {
  const gate = Promise.withResolvers<void>();
  let addressAfterwards: string | null = null;
  const server = await start([
    route({
      handler: async (request) => {
        await gate.promise;
        addressAfterwards = request.remoteAddress();
        return json(200, {});
      },
    }),
  ]);
  const during = connect(server.port, '127.0.0.1');
  during.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
  const after = connect(server.port, '127.0.0.1');
  after.write('POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc');
  await vi.waitFor(() => expect(server.inFlight()).toBe(2));
  during.destroy();
  after.destroy();
  await vi.waitFor(() => expect(metrics).toMatchObject([{ status: 499, aborted: true }]));
  expect(server.inFlight()).toBe(1);
  gate.resolve();
  await server.drained();
  await vi.waitFor(() => expect(metrics).toHaveLength(2));
  expect(metrics[1]).toMatchObject({ aborted: true });
  expect(addressAfterwards).toBe('');
});

test('over the bound of requests in flight the answer is 503, before a body is read', async () => {
  const gate = Promise.withResolvers<void>();
  const server = await start(
    [
      route({
        handler: async () => {
          await gate.promise;
          return json(200, {});
        },
      }),
    ],
    { limits: { requestsInFlightMax: 2, bodyTimeoutMs: 5000 } },
  );
  const held = [post(server, '/echo', 'a'), post(server, '/echo', 'b')];
  await vi.waitFor(() => expect(server.inFlight()).toBe(2));
  const refused = await post(server, '/echo', 'c');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  gate.resolve();
  expect((await Promise.all(held)).map((answer) => answer.status)).toEqual([200, 200]);
});

test('card bodies: the copy is zeros once the handler is done, even of a client that left', async () => {
  const kept: Buffer[] = [];
  const server = await start([
    route({
      wipesBody: true,
      handler: (request) => {
        kept.push(request.body);
        return json(200, { seen: request.body.toString('latin1') });
      },
    }),
  ]);
  expect(await (await post(server, '/echo', 'first')).json()).toEqual({ seen: 'first' });
  expect(await (await post(server, '/echo', 'second')).json()).toEqual({ seen: 'second' });
  expect(kept.map((body) => [...body].every((byte) => byte === 0))).toEqual([true, true]);
  const pipelined = await raw(
    server,
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\nx'.concat(
      'x'.repeat(599),
      'GET /close HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    ),
  );
  expect(pipelined).toContain('{"seen":"abc"}');
  expect(pipelined).toContain(`{"seen":"${'x'.repeat(600)}"}`);
});

test('garbage closes the connection or gets a 4xx, and the listener lives on', async () => {
  const server = await start([route({ handler: () => json(200, {}) })]);
  const garbage = [
    '\x16\x03\x01\x00\xa5\x01\x00\x00',
    'POST\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n',
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n',
    `GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${'a'.repeat(100_000)}\r\n\r\n`,
  ];
  for (const bytes of garbage) {
    const socket = connect(server.port, '127.0.0.1');
    const answered = new Promise<string>((resolve) => {
      socket.once('data', (chunk) => resolve(chunk.toString('latin1')));
      socket.once('close', () => resolve(''));
      socket.once('error', () => resolve(''));
    });
    socket.end(bytes, 'latin1');
    expect(await answered).toMatch(/^$|^HTTP\/1.1 [45]\d\d /);
    socket.destroy();
  }
  expect((await post(server, '/echo', 'x')).status).toBe(200);
});

test('a named port is shared with other listeners unless it is taken exclusively', async () => {
  // A port the system chose is never shared; so one is chosen, given back, and named.
  const first = await start([]);
  const { port } = first;
  first.close();
  const shared = [await start([], { port }), await start([], { port })];
  await expect(start([], { port, exclusive: true })).rejects.toBeInstanceOf(ListenError);
  for (const server of shared) server.close();
  await start([], { port, exclusive: true });
  await expect(start([], { port })).rejects.toBeInstanceOf(ListenError);
});

test('after stopListening the request in flight is answered, its connection closed, and no other taken', async () => {
  const gate = Promise.withResolvers<void>();
  const server = await start([
    route({
      handler: async () => {
        await gate.promise;
        return json(200, {});
      },
    }),
  ]);
  const held = post(server, '/echo', 'a');
  await vi.waitFor(() => expect(server.inFlight()).toBe(1));
  server.stopListening();
  gate.resolve();
  expect((await held).headers.get('connection')).toBe('close');
  await server.drained();
  await expect(post(server, '/echo', 'b')).rejects.toThrow();
});

test('the client is read from all lines of X-Forwarded-For, of a trusted proxy only', async () => {
  const whose = route({ method: 'GET', handler: (request) => json(200, request.remoteAddress()) });
  const lines = 'X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9\r\n';
  const seen = async (more: Partial<HttpServerOptions>): Promise<string> => {
    const bytes = `GET /echo HTTP/1.1\r\nHost: x\r\n${lines}\r\n`;
    const answer = await raw(await start([whose], more), bytes, true);
    return JSON.parse(answer.split('\r\n\r\n')[1]!);
  };
  expect(await seen({ clients: createClientAddresses(['127.0.0.0/8']) })).toBe('203.0.113.9');
  expect(await seen({ clients: createClientAddresses(['10.0.0.0/8']) })).toBe('127.0.0.1');
  expect(await seen({})).toBe('127.0.0.1');
  // On a listener of both families the peer comes as IPv6.
  const both = { host: '::', clients: createClientAddresses(['127.0.0.1']) };
  expect(await seen(both)).toBe('203.0.113.9');
});

test('after letGo each answer closes its connection, and new ones are taken', async () => {
  const server = await start([route({ handler: () => json(200, {}) })]);
  expect((await post(server, '/echo', 'a')).headers.get('connection')).not.toBe('close');
  server.letGo();
  expect((await post(server, '/echo', 'b')).headers.get('connection')).toBe('close');
  expect((await post(server, '/echo', 'c')).status).toBe(200);
});

/** A route whose streams a test writes to. */
function streaming() {
  const streams: EventStream[] = [];
  let over = 0;
  const events = (stream: EventStream) => {
    streams.push(stream);
    stream.send('state', 'first');
    return () => {
      over++;
    };
  };
  const handler = () => ({ status: 200, contentType: 'text/event-stream', body: 'retry: 1000\n\n', events });
  return { streams, over: () => over, route: route({ method: 'GET', path: '/events', handler }) };
}

const LIMITS_WITH_STREAMS = { requestsInFlightMax: 100, bodyTimeoutMs: 5000, streamsMax: 2 };

test('an answer that goes on sends events until it is ended, and counts as answered from its beginning', async () => {
  const { streams, over, route: events } = streaming();
  const server = await start([events], { limits: LIMITS_WITH_STREAMS });
  const answer = await fetch(url(server, '/events'));
  expect(metrics).toMatchObject([{ status: 200, aborted: false }]);
  expect([server.inFlight(), server.streams()]).toEqual([0, 1]);
  streams[0]!.send('state', 'second');
  streams[0]!.end();
  streams[0]!.send('state', 'lost');
  expect(await answer.text()).toBe(
    'retry: 1000\n\nevent: state\ndata: first\n\nevent: state\ndata: second\n\n',
  );
  expect([over(), server.streams()]).toEqual([1, 0]);
  const head = await fetch(url(server, '/events'), { method: 'HEAD' });
  expect([head.status, head.headers.get('content-type'), streams.length]).toEqual([
    200,
    'text/event-stream',
    1,
  ]);
});

test('streams over the bound are 503; one whose client has left is over and makes room', async () => {
  const { over, route: events } = streaming();
  const server = await start([events], { limits: LIMITS_WITH_STREAMS });
  const leaves = new AbortController();
  await fetch(url(server, '/events'), { signal: leaves.signal });
  await fetch(url(server, '/events'));
  expect((await fetch(url(server, '/events'))).status).toBe(503);
  leaves.abort();
  await vi.waitFor(() => expect([over(), server.streams()]).toEqual([1, 1]));
  expect((await fetch(url(server, '/events'))).status).toBe(200);
});

test('a listener that stops ends its streams and begins none', async () => {
  const { over, route: events } = streaming();
  const server = await start([events], { limits: LIMITS_WITH_STREAMS });
  const answer = await fetch(url(server, '/events'));
  server.stopListening();
  expect(await answer.text()).toContain('data: first');
  await server.drained();
  expect([over(), server.streams()]).toEqual([1, 0]);
});
