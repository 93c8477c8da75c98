// `ralloc/nest`: the module and the decorator of NestJS 11, for Express and for Fastify.

import type { DynamicModule } from '@nestjs/common';
import type { RequestArenaHandle, RequestArenaOptions, RouteArenaOptions } from './request.js';

export type {
  RequestArena,
  RequestArenaCloseOptions,
  RequestArenaHandle,
  RequestArenaOptions,
  RequestArenaStats,
  RouteArenaOptions,
} from './request.js';

/** Injects what `requestArena()` counts, and its end: `@Inject(ARENAS) arenas: RequestArenaHandle`. */
export const ARENAS: unique symbol;

/**
 * A parameter of a controller's method, which is the request's arena. It is undefined if the option `skip` left the request
 * out. The method throws `ERR_RALLOC_UNSUPPORTED` if the request has none of that name.
 * @param property the option `property` of the module, 'arena' by default
 * @throws ERR_RALLOC_INVALID_ARGUMENT: `property` is no string, or this is no parameter of a method.
 */
export function Arena(property?: string): ParameterDecorator;

/**
 * Options of a controller's own, or of one of its methods, as a guard: `@ArenaRoute({ maxBytesPerRequest: 64 << 20 })`. Those of
 * the method go before those of its controller. A `maxBytesPerRequest` above `maxBytes` is an error of the request, and so is
 * `ERR_RALLOC_UNSUPPORTED` without the module.
 * @param property the option `property` of the module, 'arena' by default
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function ArenaRoute(
  options: RouteArenaOptions,
  property?: string,
): MethodDecorator & ClassDecorator;

/**
 * Makes a global module, for the `imports` of the root module. Every request of the application has an arena, which is
 * released when the response is over. `app.close()` closes the arenas; an application that is made of the same module after
 * that has new ones. `app.init()` rejects with `ERR_RALLOC_FRAMEWORK` on NestJS 10, and on Fastify with what its plugin
 * rejects with.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function requestArena(options?: RequestArenaOptions): DynamicModule & RequestArenaHandle;
