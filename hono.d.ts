// `ralloc/hono`: the middleware of Hono 4, and the type of what it gives to its contexts.

import type { MiddlewareHandler } from 'hono';
import type { RequestArena, RequestArenaHandle, RequestArenaOptions } from './index.js';

export type {
  RequestArena,
  RequestArenaCloseOptions,
  RequestArenaHandle,
  RequestArenaOptions,
  RequestArenaStats,
} from './index.js';

declare module 'hono' {
  interface ContextVariableMap {
    /** This request's arena, where the middleware is in place. */
    arena: RequestArena;
  }
}

/**
 * Makes a middleware that gives every request an arena, which is `c.get('arena')` (see `property`). On @hono/node-server it is
 * released when Node's response is over. Without that (`app.request()`, other servers) the request is over when its
 * handler is, and its memory is used again once V8 has collected the Buffers.
 *
 * The middleware throws `ERR_RALLOC_INVALID_ARGUMENT` where the variable is taken, and `ERR_RALLOC_FRAMEWORK` on Hono 3.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): MiddlewareHandler & RequestArenaHandle;
