// `ralloc/fastify`: the plugin of Fastify 5, and the types that it adds.

import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import type * as admissions from './admission.js';
import type * as ralloc from './request.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** This request's arena, if the plugin is registered. */
    arena: ralloc.RequestArena;
  }

  interface FastifyContextConfig {
    /** Options that the requests of this route have for themselves. */
    ralloc?: ralloc.RouteArenaOptions | undefined;
  }

  interface FastifyInstance {
    /** What the plugin counts, and its end, where it is registered. `app.close()` closes it. */
    arenas: ralloc.RequestArenaHandle;
    /** The same of the plugin `admission`. */
    admission: admissions.AdmissionHandle;
  }
}

/**
 * Gives every request an arena, which is `request.arena` (see `property`) and is released when the response is over. Register it
 * once, before the routes that use it; it is there for the instance that registers it and for all below it.
 *
 * `register()` rejects with
 * - `ERR_RALLOC_INVALID_ARGUMENT` for an option of the wrong name, type or value, and if the property or `app.arenas` is taken,
 * - `ERR_RALLOC_MOUNTED` if the plugin is registered already, by any copy of ralloc,
 * - `ERR_RALLOC_FRAMEWORK` on another major version of Fastify.
 *
 * A route has options of its own in its `config.ralloc`. Wrong ones are `ERR_RALLOC_INVALID_ARGUMENT` when the route is
 * added, or at its first request if it was added before the plugin was loaded.
 */
declare const requestArena: FastifyPluginAsync<requestArena.FastifyArenaOptions> & {
  requestArena: FastifyPluginAsync<requestArena.FastifyArenaOptions>;
  /**
   * `admission()` of `ralloc`, as a plugin: `app.register(require('ralloc/fastify').admission, { budget })`, before others that read bodies. `register()` rejects
   * with `ERR_RALLOC_INVALID_ARGUMENT` for an option of the wrong name, type or value, and where `app.admission` is taken; with `ERR_RALLOC_FRAMEWORK` on another major version of Fastify;
   * with `ERR_RALLOC_LIMIT` if a sixteenth of the budget is not free, unless `wait` is false.
   */
  admission: FastifyPluginAsync<requestArena.AdmissionOptions>;
};

declare namespace requestArena {
  /** Those of `requestArena()`, and which bodies the plugin reads. */
  export interface FastifyArenaOptions extends ralloc.RequestArenaOptions<FastifyRequest> {
    /**
     * Bodies of these content types are read into the arena: `request.body` is a Buffer of it. `true` is `application/octet-stream`. The
     * limit is the route's `bodyLimit`, and the errors are those of Fastify's own parsers.
     * @default false
     */
    body?: boolean | string | RegExp | readonly (string | RegExp)[] | undefined;
  }
  export type AdmissionHandle = admissions.AdmissionHandle;
  export type AdmissionOptions = admissions.AdmissionOptions;
  export type RequestArena = ralloc.RequestArena;
  export type RequestArenaCloseOptions = ralloc.RequestArenaCloseOptions;
  export type RequestArenaHandle = ralloc.RequestArenaHandle;
  export type RequestArenaOptions = ralloc.RequestArenaOptions;
  export type RequestArenaStats = ralloc.RequestArenaStats;
  export type RouteArenaOptions = ralloc.RouteArenaOptions;
}

export = requestArena;
