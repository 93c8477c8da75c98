'use strict';

// A server of the files of a folder:
//
//   node examples/static-server.js [--root FOLDER] [--port 8080] [--host 127.0.0.1]
//
// The bytes of a file go through Node's memory 64 KiB at a time, and nobody looks at them. pump() moves them as stream.pipeline() would,
// and gives each piece back when the kernel has it: before V8 would have found it.
//
// A file is opened first, and what it is asked of that: so it is one file from its length to its last byte, whatever happens to its
// name. What leads out of the folder, by `..` or by a link, is not there. What a request may ask is in static/conditions.js.

const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { parseArgs, promisify } = require('node:util');
const { pump } = require('ralloc');
const { isFresh, rangeOf } = require('./static/conditions.js');
const { program } = require('./shared/program.js');

const open = promisify(fs.open);
const close = promisify(fs.close);
const stat = promisify(fs.fstat);
const { realpath } = fs.promises;

const INDEX = 'index.html';
const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

// Without O_NONBLOCK a named pipe in the folder would keep a thread of the pool until somebody writes to it. Windows has none.
const FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);

const statuses = { ENOENT: 404, ENOTDIR: 404, ENAMETOOLONG: 404, ELOOP: 404, EISDIR: 404 };
Object.assign(statuses, { EACCES: 403, EPERM: 403, EMFILE: 503, ENFILE: 503 });

const failure = (status) => Object.assign(new Error(http.STATUS_CODES[status]), { status });

/** The path of a URL, below the folder; throws for what is no path. */
function pathOf(url) {
  let name;
  try {
    name = decodeURIComponent(url.split(/[?#]/, 1)[0]);
  } catch {
    throw failure(400);
  }
  if (!name.startsWith('/') || name.includes('\0')) throw failure(400);
  if (name.split(/[/\\]/).includes('..')) throw failure(404);
  return name.endsWith('/') ? name + INDEX : name;
}

class StaticServer {
  #root;
  #server = http.createServer((req, res) => this.#serve(req, res));
  #counts = { requests: 0, files: 0, fresh: 0, ranges: 0, refused: 0, cut: 0 };

  /** `root`: the folder whose files are served. */
  constructor(root) {
    const folder = fs.realpathSync(root);
    this.#root = folder.endsWith(path.sep) ? folder : folder + path.sep;
  }

  /** Resolves to the address. */
  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  /** Takes no more connections, and resolves when all answers are out. */
  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }

  /** Requests; files sent whole or in part, and not sent because the client has them; requests refused; answers cut off. */
  get stats() {
    return { ...this.#counts };
  }

  async #serve(req, res) {
    this.#counts.requests++;
    try {
      if (req.method !== 'GET' && req.method !== 'HEAD') throw failure(405);
      await this.#send(await this.#find(req.url), req, res);
    } catch (error) {
      this.#refuse(res, error);
    }
  }

  /** What is not begun gets a status; what is has to be cut off, or its client would wait for the rest. */
  #refuse(res, error) {
    if (res.headersSent || res.destroyed) {
      this.#counts.cut++;
      res.destroy();
      return;
    }
    this.#counts.refused++;
    const status = error.status ?? statuses[error.code] ?? 500;
    for (const name of res.getHeaderNames()) if (name !== 'content-range') res.removeHeader(name);
    if (status === 405) res.setHeader('Allow', 'GET, HEAD');
    res.writeHead(status, { 'Content-Type': types['.txt'] });
    res.end(`${http.STATUS_CODES[status]}\n`);
  }

  /** An open file: `{ fd, name, size, modified, tag }`. */
  async #find(url) {
    const name = await realpath(path.join(this.#root, pathOf(url)));
    if (!name.startsWith(this.#root)) throw failure(404);
    const fd = await open(name, FLAGS);
    try {
      const stats = await stat(fd);
      if (!stats.isFile()) throw failure(404);
      const { size, mtimeMs: modified, ino } = stats;
      const tag = `"${[ino, size, Math.floor(modified)].map((n) => n.toString(36)).join('-')}"`;
      return { fd, name, size, modified, tag };
    } catch (error) {
      await close(fd);
      throw error;
    }
  }

  async #send(file, req, res) {
    const part = this.#head(file, req, res);
    if (part === null || req.method === 'HEAD') {
      await close(file.fd);
      res.end();
      return;
    }
    const source = fs.createReadStream(null, { fd: file.fd, ...part });
    // Not ended by itself: a file that has become shorter would leave its client waiting for the rest.
    try {
      await pump(source, res, { end: false });
    } finally {
      source.destroy(); // where the client had gone before, nobody has closed it
    }
    if (source.bytesRead !== part.end - part.start + 1) throw failure(500);
    res.end();
  }

  /** Sets status and headers. Returns the bytes to send, `{ start, end }`; null: none. */
  #head(file, { headers }, res) {
    const { name, size, modified, tag } = file;
    res.setHeader('ETag', tag);
    res.setHeader('Last-Modified', new Date(modified).toUTCString());
    res.setHeader('Accept-Ranges', 'bytes');
    if (isFresh(headers, file)) {
      this.#counts.fresh++;
      res.statusCode = 304;
      return null;
    }
    const range = rangeOf(headers, file);
    if (range === undefined) {
      fs.closeSync(file.fd);
      res.setHeader('Content-Range', `bytes */${size}`);
      throw failure(416);
    }
    this.#counts[range === null ? 'files' : 'ranges']++;
    const part = range ?? { start: 0, end: size - 1 };
    res.setHeader('Content-Type', types[path.extname(name)] ?? 'application/octet-stream');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Content-Length', part.end - part.start + 1);
    if (range !== null) {
      res.statusCode = 206;
      res.setHeader('Content-Range', `bytes ${part.start}-${part.end}/${size}`);
    }
    return size === 0 ? null : part;
  }
}

const USAGE = 'usage: node static-server.js [--root FOLDER] [--port N] [--host HOST]';

function parse(words) {
  const text = { type: 'string' };
  const { values } = parseArgs({ args: words, options: { root: text, port: text, host: text } });
  const { root = '.', port = '8080', host = '127.0.0.1' } = values;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new RangeError(`no port: ${port}`);
  return { root, port: Number(port), host };
}

const tell = ({ stats: { requests, files, ranges, refused, cut } }) => [
  `${requests} requests, ${files} files, ${ranges} ranges, ${refused} refused, ${cut} cut off`,
];

module.exports = { StaticServer };

program(module, { usage: USAGE, parse, create: ({ root }) => new StaticServer(root), tell });
