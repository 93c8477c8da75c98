// `ralloc/http`: the middleware with `wrap()`, and the type that it adds to the requests of node:http and node:http2.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type {
  RequestArena,
  RequestArenaOptions,
  RequestArenas,
  RouteArenaOptions,
  RouteMiddleware,
} from './request.js';

export type {
  RequestArena,
  RequestArenaCloseOptions,
  RequestArenaHandle,
  RequestArenaOptions,
  RequestArenaStats,
  RequestArenas,
  RouteArenaOptions,
} from './request.js';

export interface HttpRequestArenas extends RequestArenas, Wraps {
  /** As that of `RequestArenas`. The `wrap()` of its result also gives the request its arena, with these options. */
  route(options?: RouteArenaOptions): RouteMiddleware & Wraps;
}

export interface Wraps {
  /**
   * A listener of `request` (also of `checkContinue` and `checkExpectation`) that calls `handler` once the request has its
   * arena, with the same `this` and arguments, and returns what it returns. The listener throws
   * `ERR_RALLOC_INVALID_ARGUMENT` if the property of the request is taken.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: `handler` is no function.
   */
  wrap<
    Request extends IncomingMessage | Http2ServerRequest = IncomingMessage,
    Response extends ServerResponse | Http2ServerResponse = ServerResponse,
    Result = void,
  >(handler: (req: Request, res: Response) => Result): (req: Request, res: Response) => Result;
}

/**
 * Makes the middleware of `ralloc`, with `wrap()`.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): HttpRequestArenas;

declare module 'http' {
  interface IncomingMessage {
    /** This request's arena, if the middleware is mounted. What a client receives has none. */
    arena: RequestArena;
  }
}

declare module 'http2' {
  interface Http2ServerRequest {
    /** This request's arena, if the middleware is mounted. */
    arena: RequestArena;
  }
}
