// `ralloc/fastify`: the plugin of Fastify 5, and the types of what it adds.

import type { FastifyPluginAsync } from 'fastify';
import type * as ralloc from './index.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** This request's arena, where the plugin is registered. */
    arena: ralloc.RequestArena;
  }

  interface FastifyInstance {
    /** What the plugin counts, and its end, where it is registered. `app.close()` closes it. */
    arenas: ralloc.RequestArenaHandle;
  }
}

/**
 * Gives every request an arena, which is `request.arena` (see `property`) and is released when the response is over. Register it
 * once, before the routes that use it; it is there for the instance that registers it and for all below it.
 *
 * `register()` rejects with
 * - `ERR_RALLOC_INVALID_ARGUMENT` for an option of the wrong name, type or value, and where the property or `app.arenas` is taken,
 * - `ERR_RALLOC_MOUNTED` where the plugin is registered already, by any copy of ralloc,
 * - `ERR_RALLOC_FRAMEWORK` on another major version of Fastify.
 */
declare const requestArena: FastifyPluginAsync<ralloc.RequestArenaOptions> & {
  requestArena: FastifyPluginAsync<ralloc.RequestArenaOptions>;
};

declare namespace requestArena {
  export type RequestArena = ralloc.RequestArena;
  export type RequestArenaCloseOptions = ralloc.RequestArenaCloseOptions;
  export type RequestArenaHandle = ralloc.RequestArenaHandle;
  export type RequestArenaOptions = ralloc.RequestArenaOptions;
  export type RequestArenaStats = ralloc.RequestArenaStats;
}

export = requestArena;
