// `ralloc/hono`: the middleware of Hono 4, and the type that it adds to its contexts.

import type { Context, MiddlewareHandler } from 'hono';
import type { AdmissionHandle, AdmissionOptions } from './admission.js';
import type {
  RequestArena,
  RequestArenaHandle,
  RequestArenaOptions,
  RouteArenaOptions,
} from './request.js';

export type { AdmissionHandle, AdmissionOptions } from './admission.js';
export type {
  RequestArena,
  RequestArenaCloseOptions,
  RequestArenaHandle,
  RequestArenaOptions,
  RequestArenaStats,
  RouteArenaOptions,
} from './request.js';

declare module 'hono' {
  interface ContextVariableMap {
    /** This request's arena, if the middleware is mounted. */
    arena: RequestArena;
  }
}

/**
 * Makes a middleware that gives every request an arena, which is `c.get('arena')` (see `property`). On @hono/node-server it is
 * released when Node's response is over. Without that (`app.request()`, other servers) the request is over when its
 * handler is, and its memory is used again once V8 has collected the Buffers.
 *
 * The middleware throws `ERR_RALLOC_INVALID_ARGUMENT` if the variable is taken, and `ERR_RALLOC_FRAMEWORK` on Hono 3.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(
  options?: RequestArenaOptions<Context>,
): MiddlewareHandler & RequestArenaHandle & Routes;

export interface Routes {
  /**
   * Makes a middleware that gives the requests of a route options of its own, to be mounted after this one:
   * `app.post('/upload', arenas.route({ maxBytesPerRequest: 64 << 20 }), handler)`. Several add up. It throws
   * `ERR_RALLOC_UNSUPPORTED` if the context has no arena; one that `skip` left out goes on without.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   */
  route(options?: RouteArenaOptions): MiddlewareHandler;
}

/**
 * `admission()` of `ralloc`, as a middleware of Hono. Mount it before all that reads bodies. On @hono/node-server alone: elsewhere all requests go on.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value. ERR_RALLOC_LIMIT: a sixteenth of the budget is not free, unless `wait` is false.
 */
export function admission(options: AdmissionOptions): MiddlewareHandler & AdmissionHandle;
