// `admission()`: bodies of requests, charged to a budget before anything parses them.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Budget } from './budget.js';
import type { RouteMiddleware } from './request.js';

export interface AdmissionOptions {
  /** What is charged. */
  budget: Budget;
  /**
   * Returns whose request it is, such as an account or an address. It is called with Node's request, and not for requests without a body. Each key has a budget below `budget` while it has requests
   * in flight. If it throws or does not return a string, the request fails with `ERR_RALLOC_INVALID_ARGUMENT`: `next()` gets it; with `wrap()` the answer is 500, and the first one a warning.
   */
  key?: ((req: IncomingMessage) => string) | undefined;
  /**
   * The most keys with a budget of their own: an integer from 1 to 2²⁴. Keys beyond that share one.
   * @default 10000
   */
  maxKeys?: number | undefined;
  /**
   * Bytes that a key may have charged. By default half of `budget`, as it is when the key's first request comes.
   */
  maxBytesPerKey?: number | undefined;
  /** Returns true for requests that must never be refused, such as health checks. Their bodies are charged even beyond the limit. Errors are those of `key`. */
  priority?: ((req: IncomingMessage) => boolean) | undefined;
  /**
   * What a byte of a body costs, in bytes: its chunks and what is made of them. From 1 to 1024.
   * @default 2
   */
  factor?: number | undefined;
  /**
   * How long requests that do not fit wait, and bodies that outgrow what is free. A sixteenth of `budget` is reserved for what has arrived of their bodies, half of it at most for one key; requests beyond that are refused at once.
   * While the pressure is critical, requests that fit wait too. With `false` nothing waits, and nothing is reserved.
   * @default true: 10 seconds
   */
  wait?: AdmissionWait | boolean | undefined;
  /**
   * The least that `Retry-After` says, in milliseconds from 1. The header has whole seconds, from one to two times as much by chance.
   * @default 1000
   */
  retryAfterMs?: number | undefined;
  /**
   * A client of HTTP/1 that takes nothing of its response for so long, in milliseconds from 1, is cut off if others had no room in the budget, or in that of its key, meanwhile.
   * While one of these is exceeded, it is cut off in any case, and earlier: after a second where there is half as much again as it allows.
   * On Linux and macOS the kernel tells what a client has taken. Elsewhere, and without the binary, it shows in steps of a third of the kernel's buffer, and four times as long counts.
   * @default 30000
   */
  stallMs?: number | undefined;
}

export interface AdmissionWait {
  /**
   * From 1 to 2³¹ − 1.
   * @default 10000
   */
  timeoutMs?: number | undefined;
}

export interface AdmissionStats {
  /** Gauge: requests whose response is not over, with a body or without. */
  open: number;
  /** Gauge: requests that wait, and bodies that wait to go on. */
  waiting: number;
  /** Gauge: keys with requests in flight. */
  keys: number;
  /** Counter: requests with a body that were let in. */
  admitted: number;
  /** Counter: how often requests or their bodies had to wait. */
  waited: number;
  /** Counter: clients that were cut off, since they took nothing of their response while others had no room, or the budget was exceeded. */
  stalled: number;
  /** Counters: refused requests, by status: 413 never fits, 429 the key's budget is full, 503 another one is, or memory is about to run out. */
  refused: { 413: number; 429: number; 503: number };
  /** The message of the last refusal: which budget was full and who has its bytes, or which number of the process' memory is critical. */
  lastRefusal: string | undefined;
}

/** What every `admission()` has. */
export interface AdmissionHandle {
  /**
   * Has requests with `Expect: 100-continue` let in, or refused, before their client sends the body. `key` and `priority` are called with the request before any middleware.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: no server. ERR_RALLOC_UNSUPPORTED: the server has a listener of `checkContinue`.
   */
  attach(server: object): void;
  stats(): AdmissionStats;
}

export interface Admission extends AdmissionHandle, RouteMiddleware {
  /**
   * A listener of `request` that calls `handler` for requests that are let in.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: `handler` is no function.
   */
  wrap<
    Request extends IncomingMessage | Http2ServerRequest = IncomingMessage,
    Response extends ServerResponse | Http2ServerResponse = ServerResponse,
  >(handler: (req: Request, res: Response) => unknown): (req: Request, res: Response) => void;
}

/**
 * Makes a middleware of Express, connect and Nest, and of `node:http` and `node:http2` by `wrap()`. A request with a body is charged to `budget` until its response is over, whatever reads the
 * body: the announced length times `factor`, or what comes. One that does not fit waits, or is answered with 413, 429 or 503, and next() is not called. Mount it before
 * all that reads bodies.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value. ERR_RALLOC_LIMIT: a sixteenth of the budget is not free, unless `wait` is false.
 */
export function admission(options: AdmissionOptions): Admission;
