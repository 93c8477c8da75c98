// `ralloc/koa`: the middleware of Koa 3, and the type that it adds to its contexts.

import type { Context, Middleware } from 'koa';
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

declare module 'koa' {
  interface ExtendableContext {
    /** This request's arena, if the middleware is mounted. */
    arena: RequestArena;
  }
}

/**
 * Makes a middleware that gives every request an arena, which is `ctx.arena` (see `property`) and is released when the response
 * is over. It throws `ERR_RALLOC_INVALID_ARGUMENT` if the property of the context is taken, and `ERR_RALLOC_FRAMEWORK`
 * on Koa 2.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(
  options?: RequestArenaOptions<Context>,
): Middleware & RequestArenaHandle & Routes;

export interface Routes {
  /**
   * Makes a middleware that gives the requests of a route options of its own, to be used after this one:
   * `router.post('/upload', arenas.route({ maxBytesPerRequest: 64 << 20 }), handler)`. Several add up. It throws
   * `ERR_RALLOC_UNSUPPORTED` if the context has no arena; one that `skip` left out goes on without.
   * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
   */
  route(options?: RouteArenaOptions): Middleware;
}

/**
 * `admission()` of `ralloc`, as a middleware of Koa. Mount it before all that reads bodies.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value. ERR_RALLOC_LIMIT: a sixteenth of the budget is not free, unless `wait` is false.
 */
export function admission(options: AdmissionOptions): Middleware & AdmissionHandle;
