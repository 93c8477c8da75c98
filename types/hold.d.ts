// What keeps memory as it is over a reset or a free: holds, and operations of Node.

/** Keeps memory as it is over a reset; see `Arena.hold()`. */
export interface Hold extends Disposable {
  /** Releases the hold; the second call does nothing. */
  release(): void;
}

/** Counters: holds, and operations of Node that the guard held, which were not over when their memory had waited for `holdMs`. */
export interface ExpiredStats {
  holds: number;
  operations: number;
}

/**
 * Node's operations that held Buffers, by kind: files, streams (among them sockets, files, zlib and crypto), http messages that
 * wait for a socket, web streams, datagrams, `crypto.randomFill()`. An operation that consists of others counts as each of
 * them: the write of a file stream is a write of a file too.
 */
export type GuardStats = Record<'fs' | 'stream' | 'http' | 'web' | 'dgram' | 'crypto', GuardCounts>;

export interface GuardCounts {
  /** Counter. */
  operations: number;
  /** Counter, bytes of their Buffers. */
  bytes: number;
}
