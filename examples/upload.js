'use strict';

// A server that keeps what is uploaded, under its name and with its SHA-256:
//
//   node examples/upload.js FOLDER [--port 7010] [--max-upload BYTES] [--memory MiB] [--reserve MiB]
//   curl --upload-file photo.jpg http://127.0.0.1:7010/photo.jpg
//
// The body is in one Buffer of the request's arena, so it is hashed and written by one call each, and what Node had allocated for it is
// free before that. No upload is larger than `--max-upload`, and all that are under way have `--memory` together: where that is
// in use the answer is 503.
//
// A file appears under its name when it is complete and on the disk: it is written beside it, and renamed. `If-None-Match: *` never
// replaces one, and a `Content-Digest` that is not that of the bytes is refused.
//
// What can be known from the headers is refused before the client sends the body, if it asks (`Expect: 100-continue`, as curl does for
// a MiB and more): without a listener of `checkContinue`, Node would tell it to go on. Of other clients the body is read
// for nothing, so much and so long as body() does it, for else they would find a reset in place of the answer.

const { createHash, randomUUID } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs/promises');
const http = require('node:http');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { requestArena } = require('ralloc/http');
const { program } = require('./shared/program.js');

const MiB = 2 ** 20;
const NAME = /^\/([a-zA-Z0-9][\w.-]{0,199})$/;
const PARTIAL = '.upload-';
const CLOSE_MS = 10_000;

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const isFull = ({ code }) => code === 'ENOSPC' || code === 'EDQUOT';

/** What to answer for an error: { status, message }. */
function answerFor(error) {
  if (isFull(error)) return { status: 507, message: 'no space left' };
  const { status = 500, message } = error;
  return { status, message: status === 500 ? 'failed' : message };
}

const sha256 = (body) => createHash('sha256').update(body).digest();

/** The SHA-256 that a request says its body has (RFC 9530), in base64; undefined if none. */
const digestOf = ({ headers }) => /\bsha-256=:([^:]*):/.exec(headers['content-digest'])?.[1];

class UploadServer {
  #dir;
  #options;
  #files;
  #arenas;
  #server;
  #counts = { stored: 0, bytes: 0, refused: 0, cutOff: 0, failed: 0 };

  /**
   * `maxUpload`: bytes of a file; `maxMemory`: of all that are under way; `reserve`: bytes that the disk keeps free. `files`: what stands
   * for node:fs/promises.
   */
  constructor(
    dir,
    { maxUpload = 8 * MiB, maxMemory = 256 * MiB, reserve = 64 * MiB, files = fs } = {},
  ) {
    this.#dir = dir;
    this.#options = { maxUpload, reserve };
    this.#files = files;
    this.#arenas = requestArena({
      maxBytesPerRequest: maxUpload + 64 * 1024,
      maxBytes: maxMemory,
      onOverflow: 'error', // 503: a heap without a limit is no place for uploads
    });
    this.#server = http.createServer(this.#arenas.wrap((req, res) => this.#serve(req, res)));
    this.#server.on('checkContinue', (req, res) => this.#check(req, res));
  }

  /** Resolves to the address. What an earlier process left unfinished is removed. */
  async listen(port = 0, host = '127.0.0.1') {
    const names = await this.#files.readdir(this.#dir);
    const partial = names.filter((name) => name.startsWith(PARTIAL));
    await Promise.all(partial.map((name) => this.#files.rm(path.join(this.#dir, name))));
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  /** Resolves when all requests are answered, or after ten seconds. */
  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    if ((await this.#arenas.close({ timeoutMs: CLOSE_MS })) > 0) this.#server.closeAllConnections();
    await closed;
  }

  get stats() {
    return { ...this.#counts, arenas: this.#arenas.stats() };
  }

  /** The name for what a request uploads. Throws where its headers are enough to refuse it. */
  async #admit({ method, url, headers }) {
    if (method !== 'PUT') throw new Refusal(405, 'use PUT');
    const [, name] = NAME.exec(url) ?? [];
    if (name === undefined) throw new Refusal(400, 'no name for a file');
    const { maxUpload, reserve } = this.#options;
    const length = Number(headers['content-length'] ?? 0);
    if (length > maxUpload) throw new Refusal(413, `more than ${maxUpload} bytes`);
    const { bavail, bsize } = await this.#files.statfs(this.#dir);
    if (bavail * bsize < length + reserve) throw new Refusal(507, 'no space left');
    if (headers['if-none-match'] === '*' && (await this.#has(name)))
      throw new Refusal(412, 'it exists');
    return name;
  }

  #has(name) {
    const file = path.join(this.#dir, name);
    return this.#files.access(file).then(
      () => true,
      () => false,
    );
  }

  /** A client that waits for leave to send: nothing was read yet. */
  async #check(req, res) {
    try {
      await this.#admit(req);
      res.writeContinue();
      this.#server.emit('request', req, res);
    } catch (error) {
      res.setHeader('Connection', 'close'); // it may send what was not asked for
      this.#refuse(res, error);
    }
  }

  async #serve(req, res) {
    const { maxUpload: limit } = this.#options;
    try {
      const name = await this.#admit(req);
      const body = await req.arena.body({ limit });
      const digest = sha256(body);
      const expected = digestOf(req);
      if (expected !== undefined && expected !== digest.toString('base64')) {
        throw new Refusal(400, 'the body has another Content-Digest');
      }
      await this.#store(name, body, req.headers['if-none-match'] === '*');
      this.#counts.stored++;
      this.#counts.bytes += body.length;
      const told = { name, bytes: body.length, sha256: digest.toString('hex') };
      res.writeHead(201, { 'Content-Type': 'application/json' });
      res.end(`${JSON.stringify(told)}\n`);
    } catch (error) {
      // Of a body that nobody has read, the rest is read for nothing; otherwise this is the promise from before.
      req.arena.body({ limit: 0 }).catch(() => {});
      this.#refuse(res, error);
    }
  }

  /** Writes beside the place of the file, and puts it there at once. */
  async #store(name, body, isNew) {
    const files = this.#files;
    const partial = path.join(this.#dir, `${PARTIAL}${randomUUID()}`);
    try {
      const handle = await files.open(partial, 'wx');
      try {
        await handle.writeFile(body); // the guard keeps its memory until this is over, whatever becomes of the request
        await handle.sync();
      } finally {
        await handle.close();
      }
      const place = path.join(this.#dir, name);
      if (isNew) await this.#link(partial, place);
      else await files.rename(partial, place);
    } finally {
      await files.rm(partial, { force: true });
    }
  }

  async #link(partial, place) {
    try {
      await this.#files.link(partial, place);
    } catch (error) {
      throw error.code === 'EEXIST' ? new Refusal(412, 'it exists') : error;
    }
  }

  #refuse(res, error) {
    const { status, message } = answerFor(error);
    if (error.code === 'ERR_RALLOC_ABORTED') this.#counts.cutOff++;
    else if (status === 500) this.#counts.failed++;
    else this.#counts.refused++;
    if (res.destroyed) return;
    if (status === 405) res.setHeader('Allow', 'PUT');
    res.writeHead(status, { 'Content-Type': 'application/json' });
    res.end(`${JSON.stringify({ error: message })}\n`);
  }
}

const USAGE =
  'usage: node upload.js FOLDER [--port N] [--max-upload BYTES] [--memory MiB] [--reserve MiB]';

function parse(words) {
  const number = { type: 'string' };
  const { values, positionals } = parseArgs({
    args: words,
    options: { port: number, 'max-upload': number, memory: number, reserve: number },
    allowPositionals: true,
  });
  if (positionals.length !== 1) throw new TypeError('name one folder');
  const read = (name, fallback, least, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new RangeError(`--${name} must be from ${least} to ${most}, not ${values[name]}`);
  };
  const maxUpload = read('max-upload', 8 * MiB, 1, 2 ** 30);
  const least = Math.ceil(maxUpload / MiB) + 1; // a body moves once or twice while it grows
  return {
    dir: positionals[0],
    port: read('port', 7010, 0, 65_535),
    maxUpload,
    maxMemory: read('memory', Math.max(256, 4 * least), 2 * least, 65_536) * MiB,
    reserve: read('reserve', 64, 0, 2 ** 30) * MiB,
  };
}

const tell = ({ stats: { stored, bytes, refused, cutOff, failed } }) => [
  `${stored} files, ${bytes} bytes, ${refused} refused, ${cutOff} cut off, ${failed} failed`,
];

module.exports = { UploadServer };

program(module, {
  usage: USAGE,
  parse,
  create: (options) => new UploadServer(options.dir, options),
  tell,
});
