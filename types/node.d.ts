// Memory that Node allocates: freed early, used again, or read into arenas.

import type { Readable } from 'node:stream';

/**
 * Gives the memory of a Buffer that Node or the program allocated back to the system's allocator at once, before a garbage
 * collection would. The Buffer and every other view over its ArrayBuffer are dead then: their length is 0.
 *
 * **This frees memory. Call it only when nothing else uses the Buffer.** An operation that still uses the memory (a write to a file or socket, zlib, `randomFill`, a native addon) reads or
 * writes freed memory: wrong bytes, or a crash.
 *
 * @returns the bytes that were freed; 0, with nothing changed, if that is not possible: the view is a part of its ArrayBuffer (Node's
 * pool, a slice); the ArrayBuffer cannot be detached (a SharedArrayBuffer, WebAssembly's memory, a resizable or untransferable one); it is
 * memory of an arena or a slab; or it is dead already. On Node 20 also in the turn of the event loop of the first call.
 * @throws TypeError `ERR_RALLOC_INVALID_ARGUMENT`: not a view.
 */
export function release(buffer: NodeJS.ArrayBufferView): number;

/**
 * `pipeline()` of `node:stream/promises`, with the same arguments and results, which frees the memory of chunks as soon as they are
 * written. A chunk is freed in the callback of its write, if Node itself made it, nobody else can have it, and the stream that it is written to is
 * known to be done with it:
 *
 * - from `fs.ReadStream`, `net.Socket`, `tls.TLSSocket`, the output of child processes, and messages of HTTP/1;
 * - to `net.Socket`, `tls.TLSSocket`, the input of child processes, `fs.WriteStream`, `http.ServerResponse`, `http.ClientRequest`, and the transforms of
 *   zlib and crypto.
 *
 * Each pipe between two streams decides for itself; all others are plain `readable.pipe()`.
 *
 * If it rejects, all streams that it was given are destroyed, except the last one with `{ end: false }`. If one of them was closed before the call, such as a response
 * whose client has disconnected, it rejects with `ERR_STREAM_PREMATURE_CLOSE`.
 *
 * Do not call `read()` of a source meanwhile: its chunks die when they are written.
 */
export const pump: typeof import('node:stream/promises').pipeline;

/** What `Arena.collect()` reads: a stream of Node's, a web stream, or any other async iterable. */
export type ByteSource =
  | Readable
  | AsyncIterable<Uint8Array>
  | { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> } };

export interface CollectOptions {
  /** The most bytes that the source may have, an integer >= 0. By default as many as fit into the arena. */
  limit?: number | undefined;
}

export interface BodyOptions {
  /**
   * The most bytes of the body, an integer >= 0.
   * @default 1048576 (1 MiB), or `maxBytesPerRequest` if that is less
   */
  limit?: number | undefined;
  /**
   * Bytes of a body over the limit that are still read and dropped, so that the client gets the answer. Then the connection is closed.
   * @default 16777216 (16 MiB)
   */
  drainBytes?: number | undefined;
  /**
   * Milliseconds for the same, an integer from 0 to 2³¹ − 1.
   * @default 5000
   */
  drainMs?: number | undefined;
}

/** Memory of Node or the program that ralloc released, took over, copied or left. Counters, in bytes, of this thread. */
export interface BodyStats {
  /**
   * Freed at once or, if adopted, by the arena. For an answer that a client reads by `pump()` or `collect()`, this includes the reads of
   * its socket, of which the parser made the chunks.
   */
  released: number;
  /** Taken over by arenas without a copy: `adopt()`, `chunks()`. */
  adopted: number;
  /**
   * Copied into arenas by `collect()`, `body()`, `chunks()` and `adopt()`. Sources that they did not release are also in `left`. Bytes over a limit are not
   * copied, and count as released or left.
   */
  copied: number;
  /** Left to the garbage collector, by the reason. */
  left: {
    /** The view is a part of its ArrayBuffer: of Node's pool, of a slice, of a read of HTTP/2 or TLS. */
    shared: number;
    /** It cannot be detached: shared, resizable, untransferable, of WebAssembly. */
    bound: number;
    /** On Node 20: within some milliseconds of the first call of `release()`, and of bodies of up to 16 KiB. */
    early: number;
    /**
     * `collect()`, `body()`, `chunks()` and `pump()`: it is not known to be Node's own, or came before ralloc knew the stream. `pump()` also: it came after
     * 32 pieces of less than 4 KiB.
     */
    foreign: number;
    /** The same four: other code may have it, by a listener, a pipe or a replaced method. */
    seen: number;
    /** `pump()`: the write failed, or its callback was not called. */
    unwritten: number;
    /** Adopted, and then left as it is: after a response that was not sent to its end, a hold that expired, with `safety: 'gc'`. */
    dropped: number;
    /** Not adopted, and returned to the request as it is: after its response, or if the middleware has no memory left. */
    heap: number;
    /** With `RALLOC_DISABLED=1`: what would have been released. */
    disabled: number;
  };
  /** Pipes between two streams that `pump()` has made. */
  links: {
    /** Between a known source and a known sink. */
    released: number;
    /** By `readable.pipe()`, without a release. */
    plain: number;
    /**
     * Why a pipe is plain. `small`: the body announces up to 64 KiB. `sink`: its class is unknown, such as a transform of your own. `patched`: a method of the sink was replaced,
     * by `compression()` or an APM agent, for example. `source`: its chunks are not known to be Node's own. `readers`: others listen to the source.
     */
    why: { small: number; sink: number; patched: number; source: number; readers: number };
  };
}

export interface CompressorsOptions {
  /**
   * Also puts the functions into `node:zlib` itself, for packages without an option for another zlib, such as compression and koa-compress.
   * @default false
   */
  install?: boolean | undefined;
  /**
   * The most idle streams whose memory is kept, by all compressors of the thread; an integer from 0 to 1024. Each has 268 KB with the usual settings.
   * @default 128
   */
  maxIdle?: number | undefined;
}

/**
 * `node:zlib`, whose `createGzip()`, `createDeflate()` and `createDeflateRaw()` return streams of Node's own classes that reuse the memory of earlier ones with the same
 * settings that have ended without an error. Everything else is Node's, and so are streams with a dictionary, `info` or methods in their options. Before Node 20 and after 26 all streams
 * are Node's.
 *
 * @throws TypeError, RangeError `ERR_RALLOC_INVALID_ARGUMENT`: an unknown option, or one of the wrong type or value.
 */
export function compressors(options?: CompressorsOptions): typeof import('node:zlib');

export interface FilesOptions {
  /**
   * Whether memory that was read into is reused once it is written. It is reused if `pipe()` moves it to a known stream, and nobody else can have it
   * (docs/guide/zero-lines.md).
   * @default true
   */
  pool?: boolean | undefined;
  /**
   * Bytes of a read, an integer from 65536 to 1048576.
   * @default 262144 (256 KiB)
   */
  size?: number | undefined;
}

/**
 * Options for `fs.createReadStream()`, and for what passes its options on to that (`express.static()`, serve-static, send), with which a file is read in larger pieces than
 * the 64 KiB of Node: if the file or the range is longer than that, and as long as the reads of all open streams stay under 16 MiB.
 *
 * They have no effect with another `highWaterMark` than Node's 64 KiB, or with `autoClose: false`. They are methods in the place of `_read()` and `_destroy()` of the stream, and call those.
 *
 * @throws TypeError, RangeError `ERR_RALLOC_INVALID_ARGUMENT`: an unknown option, or one of the wrong type or value.
 */
export function files(options?: FilesOptions): object;

/**
 * Watches Node's pool of small Buffers in this thread, and lowers `Buffer.poolSize` (to 16, 8 or 4 KiB) once blocks of it are seen to stay because small Buffers of them are kept. It is never
 * raised again. `ralloc/auto` does this by itself. `stats().pool` has what was seen.
 *
 * @returns whether the pool is watched. false, with nothing changed: its size is not Node's own, or cannot be set; Node is older than 20 or newer than 26, or another runtime;
 * `RALLOC_DISABLED=1`.
 */
export function adaptPoolSize(): boolean;

/** What `adaptPoolSize()` and `ralloc/auto` have seen of Node's pool in this thread. All are 0 if they do not watch it. */
export interface PoolStats {
  /** Gauge: bytes of a block, `Buffer.poolSize`; 0 also once the application has set it. */
  size: number;
  /** Gauge: bytes of a block at first. */
  from: number;
  /** Milliseconds since 1970 when the size was last lowered; 0 if it never was. */
  since: number;
  /** Gauge: blocks whose pool had another block by then, and that were asked for after two major collections; at most 64. Of the last size for which there are 8 or more. */
  asked: number;
  /** Gauge: those of them that were alive. */
  alive: number;
  /** Gauge: `alive / asked`, from 0 to 1. */
  pinned: number;
  /** Gauge, an estimate: bytes that each small Buffer that is kept keeps, if these come at random. */
  perBuffer: number;
}

/** What `compressors()` and `ralloc/auto` have done in this thread. */
export interface CompressorStats {
  /** Counter: streams with memory of their own, which may be used again. */
  made: number;
  /** Counter: streams with the memory of one before. */
  reused: number;
  /** Gauge: how many streams' memory waits for the next. */
  idle: number;
  /** Counter: streams that were left alone because of their options, or because none of the 32 before them with these options has ended. */
  left: number;
  /** Counters: streams whose memory was given back, by the reason. */
  closed: {
    /** The stream was destroyed, had an error, or other settings than it began with. */
    unfinished: number;
    /** A new one costs less: fewer than two others were open, or gzip had compressed more than 12 KiB. */
    cheap: number;
    /** There were more than `maxIdle`. */
    full: number;
    /** It was not used for 10 to 20 s. */
    rest: number;
  };
}

/** What `files()` and `ralloc/auto` have done in this thread. */
export interface FileStats {
  /** Gauge: streams that read in larger pieces, and are not closed. */
  open: number;
  /** Counter: the same. */
  streams: number;
  /** Counter: larger reads. */
  reads: number;
  /** Counter: reads into memory that was used before. */
  reused: number;
  /** Gauge: bytes that wait to be read into. */
  idle: number;
  /** Counter, of `ralloc/auto`: streams that were left alone because of their options. */
  left: number;
}

/** What `ralloc/auto`, and `files()`, have done in this thread with what `readable.pipe()` moves. */
export interface StreamStats {
  /** Counter: pipes between known streams. */
  watched: number;
  /** Counter: chunks that were given back. */
  chunks: number;
  /** Counters: pipes whose chunks were left alone. */
  left: {
    /** To a stream that may keep them, or is patched. */
    sink: number;
    /** From a stream that has other readers, or is patched. */
    readers: number;
  };
}
