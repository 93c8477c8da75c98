// `ralloc/koa`: the middleware of Koa 3, and the type of what it gives to its contexts.

import type { Middleware } from 'koa';
import type { RequestArena, RequestArenaHandle, RequestArenaOptions } from './index.js';

export type {
  RequestArena,
  RequestArenaCloseOptions,
  RequestArenaHandle,
  RequestArenaOptions,
  RequestArenaStats,
} from './index.js';

declare module 'koa' {
  interface ExtendableContext {
    /** This request's arena, where the middleware is in place. */
    arena: RequestArena;
  }
}

/**
 * Makes a middleware that gives every request an arena, which is `ctx.arena` (see `property`) and is released when the response
 * is over. It throws `ERR_RALLOC_INVALID_ARGUMENT` where the property of the context is taken, and `ERR_RALLOC_FRAMEWORK`
 * on Koa 2.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): Middleware & RequestArenaHandle;
