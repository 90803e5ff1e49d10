/**
 * Server: one listener of uWebSockets.js. The only file that knows it.
 *
 * Promises: every request is answered once, unless the client left; onAborted is registered before anything
 * else (a handler that returns without either ends the process); a handler that throws is a 500 without its
 * reason; over the bound of requests in flight the answer is 503 before a body is read, over that of open streams
 * 503 instead of a stream; nothing of the request's URL or headers is sent back; a new certificate costs no connection.
 *
 * @module
 */

import * as uWS from 'uWebSockets.js';
import { randomBytes } from 'node:crypto';
import { type OutcomeCode, refusal } from '../domain/outcomes.ts';
import { type BodyEnd, type BodyReader, createBodyReader } from './body.ts';
import type { CertificateFiles } from './certificate.ts';
import { type ClientAddresses, createClientAddresses } from './client-address.ts';
import { createEventStreams, type EventStreams, type StreamEnd, type StreamWire } from './event-stream.ts';
import { internalError, problem } from './problem.ts';
import { type ResponseWire, respond } from './respond.ts';
import type { HttpRequest, HttpResponse, RequestMetric, Route } from './routes.ts';

export interface HttpServerOptions {
  host: string;
  /** 0 asks the system. */
  port: number;
  /** Refuse to share the port with another process. Default: false (SO_REUSEPORT, but not with port 0). */
  exclusive?: boolean;
  /** PEM files; TLS 1.3 only. Default: plain HTTP. */
  tls?: CertificateFiles;
  /** Tell browsers to come over https only: TLS is ours, or a proxy's in front. Default: false. */
  strictTransport?: boolean;
  /** Who stands behind a connection. Default: its other end, no proxy is trusted. */
  clients?: ClientAddresses;
  routes: readonly Route[];
  limits: {
    /** Requests worked on at once; more are answered 503. */
    requestsInFlightMax: number;
    /** From the headers to the last byte of the body. */
    bodyTimeoutMs: number;
    /** Answers that go on as events, at once; more are answered 503. Default: 0. */
    streamsMax?: number;
  };
  /** Told of every request when it is over. */
  onRequestDone(metric: RequestMetric): void;
  /** Told what a handler threw. Never given the body. */
  onHandlerError(error: unknown, endpoint: string, requestId: string): void;
}

export interface HttpServer {
  readonly port: number;
  /** Requests begun and not yet answered. */
  inFlight(): number;
  /** Answers that go on as events. They are not in flight. */
  streams(): number;
  /**
   * Serves new connections with the certificate that is in these files now; open connections go on with theirs. Only of a
   * listener with TLS. Throws when the files cannot be used, and goes on with what it has.
   */
  useCertificate(tls: CertificateFiles): void;
  /** Takes connections as before, and closes each after its next answer: whoever comes again may be sent elsewhere. Streams go on. */
  letGo(): void;
  /** Takes no new connections; open ones are closed after their next answer, streams at once. */
  stopListening(): void;
  /** Resolves when nothing is in flight. */
  drained(): Promise<void>;
  /** Closes the listener and every connection. The thread can end afterwards. */
  close(): void;
}

/** The address could not be taken. */
export class ListenError extends Error {
  constructor(host: string, port: number) {
    super(`cannot listen on ${host}:${port}: the address is not ours or the port is taken`);
    this.name = 'ListenError';
  }
}

/** Opens a listener. Rejects with {@link ListenError}. */
export async function startHttp(options: HttpServerOptions): Promise<HttpServer> {
  const listener = createListener(options);
  const first = openGeneration(options.tls, listener);
  const socket = await listen(first.app, options);
  const generations = createGenerations(first, (tls) => openGeneration(tls, listener));
  let listening = true;
  let closed = false;
  const stopListening = (): void => {
    if (listening) uWS.us_listen_socket_close(socket);
    listening = false;
    listener.letsGo = true;
    listener.closing = true;
    listener.streams.endAll();
  };
  return {
    port: uWS.us_socket_local_port(socket as uWS.us_socket),
    inFlight: () => listener.inFlight,
    streams: () => listener.streams.open,
    useCertificate: (tls) => {
      if (options.tls === undefined) throw new Error('a listener without TLS has no use for a certificate');
      if (listening) generations.follow(tls);
    },
    letGo: () => {
      listener.letsGo = true;
    },
    stopListening,
    drained: () => listener.drained(),
    close: () => {
      if (closed) return;
      closed = true;
      stopListening();
      listener.bodies.close();
      generations.close();
    },
  };
}

/** An app and the connections that were opened with its certificate. */
interface Generation {
  readonly app: uWS.TemplatedApp & HandsOver;
  connections: number;
}

/** Missing in the package's types: an app that accepts connections for another one of the same kind. */
interface HandsOver {
  getDescriptor(): unknown;
  /** From now on connections go to `descriptor`'s app, to several in turn. They arrive a tick later. */
  addChildAppDescriptor(descriptor: unknown): void;
  removeChildAppDescriptor(descriptor: unknown): void;
}

function openGeneration(tls: CertificateFiles | undefined, listener: Listener): Generation {
  const app = (tls === undefined ? uWS.App() : uWS.SSLApp(tlsOptions(tls))) as Generation['app'];
  const generation: Generation = { app, connections: 0 };
  const count = (_: uWS.HttpResponse, change: number): void => {
    generation.connections += change;
  };
  app.filter(count);
  mount(app, listener.options.routes, listener);
  return generation;
}

/** A cipher list with no TLS 1.2 suite that our certificates can serve leaves TLS 1.3 alone. */
function tlsOptions(tls: CertificateFiles): uWS.AppOptions {
  return { cert_file_name: tls.certFile, key_file_name: tls.keyFile, ssl_ciphers: 'PSK-AES256-CBC-SHA' };
}

/** How often a generation that gets no more connections is looked at. */
const RETIRED_LOOK_MS = 1000;
/** A connection accepted in the tick of the close is with its app after it. */
const HANDED_OVER_MS = 10;

/**
 * The generations of one listener, a certificate each. uWebSockets cannot change the certificate of an app. A second listening
 * socket on the same port would need a shared port, which ops refuses, and closing the old one resets what it has not accepted yet.
 * So the first app accepts for ever, and hands what it accepts to the app with the newest certificate.
 */
function createGenerations(first: Generation, open: (tls: CertificateFiles) => Generation) {
  let newest = first;
  const retired = new Set<Generation>();
  let look: NodeJS.Timeout | undefined;

  /** Closes those whose connections have all ended. */
  function closeEmpty(): void {
    for (const generation of retired) {
      if (generation.connections > 0) continue;
      retired.delete(generation);
      generation.app.close();
    }
    if (retired.size === 0) clearInterval(look);
  }

  function retire(generation: Generation): void {
    if (retired.size === 0) look = setInterval(closeEmpty, RETIRED_LOOK_MS).unref();
    retired.add(generation);
  }

  return {
    follow(tls: CertificateFiles): void {
      const next = open(tls);
      first.app.addChildAppDescriptor(next.app.getDescriptor());
      if (newest !== first) {
        first.app.removeChildAppDescriptor(newest.app.getDescriptor());
        retire(newest);
      }
      newest = next;
    },
    close(): void {
      clearInterval(look);
      for (const { app } of new Set([first, newest, ...retired])) app.close();
      if (newest !== first) setTimeout(() => newest.app.close(), HANDED_OVER_MS);
    },
  };
}

/** The signature with host and options is missing in the package's types. */
interface ListensWithOptions {
  listen(
    host: string,
    port: number,
    options: number,
    opened: (socket: uWS.us_listen_socket | false) => void,
  ): unknown;
}

const LISTEN_SHARED = 0;
const LISTEN_EXCLUSIVE = 1;

function listen(app: uWS.TemplatedApp, options: HttpServerOptions): Promise<uWS.us_listen_socket> {
  const { host, port, exclusive } = options;
  return new Promise((resolve, reject) => {
    (app as unknown as ListensWithOptions).listen(
      host,
      port,
      exclusive === true ? LISTEN_EXCLUSIVE : LISTEN_SHARED,
      (socket) => {
        if (socket === false) reject(new ListenError(host, port));
        else resolve(socket);
      },
    );
  });
}

/** State of one listener. */
interface Listener {
  readonly options: HttpServerOptions;
  readonly bodies: BodyReader;
  readonly streams: EventStreams;
  readonly clients: ClientAddresses;
  inFlight: number;
  letsGo: boolean;
  closing: boolean;
  nextRequestId(): string;
  requestOver(): void;
  drained(): Promise<void>;
}

function createListener(options: HttpServerOptions): Listener {
  const prefix = randomBytes(6).toString('hex');
  const waiting: Array<() => void> = [];
  let requests = 0;
  const listener: Listener = {
    options,
    bodies: createBodyReader(options.limits.bodyTimeoutMs),
    streams: createEventStreams(),
    clients: options.clients ?? createClientAddresses([]),
    inFlight: 0,
    letsGo: false,
    closing: false,
    nextRequestId: () => `req_${prefix}${(++requests).toString(16).padStart(8, '0')}`,
    requestOver: () => {
      listener.inFlight--;
      if (listener.inFlight === 0) for (const resolve of waiting.splice(0)) resolve();
    },
    drained: () =>
      listener.inFlight === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
  };
  return listener;
}

/** Every path has its methods, then a 405 for the others; every other path is a 404. */
function mount(app: uWS.TemplatedApp, routes: readonly Route[], listener: Listener): void {
  for (const [path, sharing] of Map.groupBy(routes, (route) => route.path)) {
    const allowed: string[] = [];
    for (const route of sharing) {
      const parameters = parameterNames(route.path);
      const serve = (wire: uWS.HttpResponse, request: uWS.HttpRequest, head: boolean): void =>
        serveRoute(listener, route, parameters, wire, request, head);
      allowed.push(route.method);
      if (route.method === 'POST') app.post(path, (wire, request) => serve(wire, request, false));
      else if (route.method === 'DELETE') app.del(path, (wire, request) => serve(wire, request, false));
      else {
        allowed.push('HEAD');
        app.get(path, (wire, request) => serve(wire, request, false));
        app.head(path, (wire, request) => serve(wire, request, true));
      }
    }
    const wrongMethod = problem(refusal('method_not_allowed', `Use ${allowed.join(' or ')}.`));
    wrongMethod.headers = { Allow: allowed.join(', ') };
    app.any(path, (wire, request) => refuse(listener, wire, request, wrongMethod));
  }
  const nothingHere = problem(refusal('not_found', 'No endpoint has this path.'));
  app.any('/*', (wire, request) => refuse(listener, wire, request, nothingHere));
}

/** Every method comes here. A body after a HEAD would be read as the next answer of the connection. */
function refuse(
  listener: Listener,
  wire: uWS.HttpResponse,
  request: uWS.HttpRequest,
  response: HttpResponse,
): void {
  const exchange = openExchange(listener, 'none', wire, request.getMethod() === 'head');
  exchange.finish(response);
}

/** One request from its headers to its answer. */
interface Exchange {
  readonly requestId: string;
  /** Set while a body is read: stops that. */
  cancelBody: (() => void) | null;
  /** Set while events are sent: hears that the client has left. */
  streamEnd: StreamEnd | null;
  aborted: boolean;
  answered: boolean;
  /** Answers, or forgets the request when the client has left. Called exactly once. */
  finish(response: HttpResponse, close?: boolean): void;
}

function openExchange(listener: Listener, endpoint: string, wire: uWS.HttpResponse, head: boolean): Exchange {
  const startedMs = performance.now();
  const requestId = listener.nextRequestId();
  listener.inFlight++;
  const { strictTransport = false, onRequestDone } = listener.options;
  const over = (status: number, code: OutcomeCode | null): void => {
    listener.requestOver();
    const durationMs = performance.now() - startedMs;
    onRequestDone({ endpoint, status, code, durationMs, aborted: exchange.aborted });
  };
  const exchange: Exchange = {
    requestId,
    cancelBody: null,
    streamEnd: null,
    aborted: false,
    answered: false,
    finish: (asked, close = false) => {
      exchange.answered = true;
      const response = withinStreams(listener, asked);
      if (!exchange.aborted) {
        const closes = close || listener.letsGo;
        respond(wire as ResponseWire, response, { requestId, head, close: closes, strictTransport });
        if (response.events !== undefined && !head) {
          exchange.streamEnd = listener.streams.start(wire as unknown as StreamWire, response.events);
        }
      }
      over(response.status, response.code ?? null);
    },
  };
  wire.onAborted(() => {
    exchange.aborted = true;
    exchange.streamEnd?.();
    if (exchange.cancelBody === null) return;
    exchange.cancelBody();
    exchange.cancelBody = null;
    over(CLIENT_LEFT, null);
  });
  return exchange;
}

/** An answer that would go on, unless there are streams enough or the listener closes. */
function withinStreams(listener: Listener, response: HttpResponse): HttpResponse {
  if (response.events === undefined) return response;
  const { streamsMax = 0 } = listener.options.limits;
  if (!listener.closing && listener.streams.open < streamsMax) return response;
  return problem(refusal('overloaded', 'Too many streams are open.'));
}

/** Status in the metrics when the client left before its body was complete. */
const CLIENT_LEFT = 499;

function serveRoute(
  listener: Listener,
  route: Route,
  parameters: readonly string[],
  wire: uWS.HttpResponse,
  head: uWS.HttpRequest,
  isHead: boolean,
): void {
  const exchange = openExchange(listener, route.name, wire, isHead);
  if (listener.inFlight > listener.options.limits.requestsInFlightMax) {
    exchange.finish(problem(refusal('overloaded', 'Too many requests are in flight.')), true);
    return;
  }
  const request = readHead(listener, route, parameters, { wire, head, exchange });
  if (route.method !== 'POST') {
    run(listener, route, request, exchange);
    return;
  }
  const early = refuseBody(route, head);
  if (early !== null) {
    exchange.finish(refusedBody(early, route), true);
    return;
  }
  const take = (end: BodyEnd): void => {
    exchange.cancelBody = null;
    if ('refused' in end) exchange.finish(refusedBody(end.refused, route), true);
    else run(listener, route, { ...request, body: end.body }, exchange);
  };
  exchange.cancelBody = listener.bodies.read(
    wire,
    { limitBytes: route.bodyLimitBytes, wipe: route.wipesBody === true },
    take,
  );
}

/** What the headers alone say against the body. */
function refuseBody(route: Route, head: uWS.HttpRequest): OutcomeCode | null {
  if (Number(head.getHeader('content-length')) > route.bodyLimitBytes) return 'body_too_large';
  if (route.contentTypes.length === 0) return null;
  const mediaType = head.getHeader('content-type').split(';', 1)[0]!.trim().toLowerCase();
  return route.contentTypes.includes(mediaType) ? null : 'unsupported_media_type';
}

function refusedBody(code: OutcomeCode, route: Route): HttpResponse {
  if (code === 'body_too_large') {
    return problem(refusal(code, `The body may have ${route.bodyLimitBytes} bytes.`));
  }
  if (code === 'unsupported_media_type') {
    return problem(refusal(code, `Send ${route.contentTypes.join(' or ')}.`));
  }
  return problem(refusal(code, 'Send the body without pauses.'));
}

const NO_BODY = Buffer.alloc(0);

/** Reads all that is needed of the headers now: the socket's own view of them is gone after this tick. */
function readHead(
  { clients }: Listener,
  route: Route,
  parameters: readonly string[],
  { wire, head, exchange }: { wire: uWS.HttpResponse; head: uWS.HttpRequest; exchange: Exchange },
): HttpRequest {
  const headers = new Map<string, string>();
  for (const name of route.headers) headers.set(name, head.getHeader(name));
  const params: Record<string, string> = {};
  parameters.forEach((name, index) => {
    params[name] = head.getParameter(index) ?? '';
  });
  const forwarded = clients.readsForwarded ? forwardedOf(head) : '';
  return {
    method: route.method,
    path: parameters.length === 0 ? route.path : head.getUrl(),
    params,
    query: head.getQuery() ?? '',
    header: (name) => {
      const value = headers.get(name);
      if (value === undefined) throw new Error(`route ${route.name} does not declare the header ${name}`);
      return value;
    },
    body: NO_BODY,
    remoteAddress: () => (exchange.aborted || exchange.answered ? '' : clients.of(peerOf(wire), forwarded)),
    now: Date.now(),
    requestId: exchange.requestId,
  };
}

function peerOf(wire: uWS.HttpResponse): string {
  return Buffer.from(wire.getRemoteAddressAsText()).toString('latin1');
}

/** All lines: some proxies add to the one that is there, some add one, and `getHeader` would give the first, the client's own. */
function forwardedOf(head: uWS.HttpRequest): string {
  const lines: string[] = [];
  head.forEach((name, value) => {
    if (name === 'x-forwarded-for') lines.push(value);
  });
  return lines.join(',');
}

function run(listener: Listener, route: Route, request: HttpRequest, exchange: Exchange): void {
  const finish = (response: HttpResponse): void => {
    if (route.wipesBody === true) request.body.fill(0);
    exchange.finish(response);
  };
  const fail = (error: unknown): void => {
    listener.options.onHandlerError(error, route.name, request.requestId);
    finish(internalError());
  };
  let answer: HttpResponse | Promise<HttpResponse>;
  try {
    answer = route.handler(request);
  } catch (error) {
    fail(error);
    return;
  }
  if (answer instanceof Promise) answer.then(finish, fail);
  else finish(answer);
}

function parameterNames(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part.startsWith(':'))
    .map((part) => part.slice(1));
}
