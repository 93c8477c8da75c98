// `ralloc/express`: the middlewares, and the type of what they give to Express's requests. `ralloc` loads it, for the latter.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ArenaBuffer } from './buffer.js';
import type { BodyOptions } from './node.js';
import type { RequestArena, RouteMiddleware } from './request.js';

export interface RawBodyOptions extends Omit<BodyOptions, 'limit'> {
  /**
   * Which requests have such a body: media types (`image/*`, `+json`, `*\/*`), or the short names `bin`, `csv`, `html`, `js`, `json`,
   * `multipart`, `pdf`, `text`, `txt`, `urlencoded`, `xml` and `zip`; or a function of the request.
   * @default 'application/octet-stream'
   */
  type?: string | readonly string[] | ((req: IncomingMessage) => unknown) | undefined;
  /**
   * The most bytes of the body, after it was decompressed: an integer >= 0, or a string such as `'100kb'`, of 1024.
   * @default 102400
   */
  limit?: number | string | undefined;
  /**
   * Whether compressed bodies (`gzip`, `deflate`, `br`, and `zstd` if Node has it) are decompressed; otherwise they are refused.
   * @default true
   */
  inflate?: boolean | undefined;
  /** Throws for a body that is refused: 403, or the error's own `status`. */
  verify?:
    | ((req: IncomingMessage, res: ServerResponse, body: ArenaBuffer, encoding: null) => void)
    | undefined;
  /**
   * The property of requests that has the arena.
   * @default 'arena'
   */
  property?: string | undefined;
}

/**
 * Makes a middleware in the place of `express.raw()`, with its options, defaults and errors: `req.body` is a Buffer of the request's arena.
 * Mount `requestArena()` before it. An error is passed on once the rest of the request was read, up to half of `drainBytes` and `drainMs`; beyond
 * that the middleware answers itself, and passes the error on when the connection is closed.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function rawBody(options?: RawBodyOptions): RouteMiddleware;

export {
  type RequestArena,
  type RequestArenaCloseOptions,
  type RequestArenaHandle,
  type RequestArenaOptions,
  type RequestArenaStats,
  type RequestArenas,
  type RouteArenaOptions,
  type RouteMiddleware,
  requestArena,
} from './request.js';

declare global {
  namespace Express {
    interface Request {
      /** This request's arena, if the middleware is mounted. */
      arena: RequestArena;
    }
  }
}
