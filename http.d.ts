// `ralloc/http`: the middleware, and the type of what it gives to the requests of node:http and node:http2.

import type { RequestArena } from './index.js';

export {
  type RequestArena,
  type RequestArenaOptions,
  type RequestArenaStats,
  type RequestArenas,
  requestArena,
} from './index.js';

declare module 'http' {
  interface IncomingMessage {
    /** This request's arena, where the middleware is in place. What a client receives has none. */
    arena: RequestArena;
  }
}

declare module 'http2' {
  interface Http2ServerRequest {
    /** This request's arena, where the middleware is in place. */
    arena: RequestArena;
  }
}
