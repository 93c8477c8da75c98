// `ralloc/express`: the middleware, and the type of what it gives to Express's requests.

import type { RequestArena } from './index.js';

export {
  type RequestArena,
  type RequestArenaCloseOptions,
  type RequestArenaHandle,
  type RequestArenaOptions,
  type RequestArenaStats,
  type RequestArenas,
  requestArena,
} from './index.js';

declare global {
  namespace Express {
    interface Request {
      /** This request's arena, where the middleware is in place. */
      arena: RequestArena;
    }
  }
}
