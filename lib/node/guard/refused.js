'use strict';

// A dead Buffer that a stream or a message of HTTP refuses. Mostly it was in a queue, of a package
// or of a pipelined response, and is written where no code can catch an error. So a stream is
// destroyed with the error, as by a write after end(), and the process is told once.

const path = require('node:path');
const { messageName } = require('../../base/name.js');
const { warnOnce } = require('../../base/warnings.js');

/** The folder lib/; a bundle that is an ES module has none. */
const OWN = typeof __dirname === 'string' ? path.join(__dirname, '..', '..', path.sep) : undefined;
const FRAME = /\(?((?:file:\/\/)?[^\s(][^(]*):(\d+):\d+\)?$/;
const PACKAGE = /[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/;

/**
 * The callers on a stack, the nearest first: `{ line, name }`, the file and line, and the package's
 * name. Without Node's functions and ralloc's.
 */
function callersOn({ stack }) {
  const callers = [];
  for (const text of String(stack).split('\n    at ').slice(1)) {
    const [, file, line] = FRAME.exec(text) ?? [];
    if (file === undefined || file.startsWith('node:') || isOwn(file)) continue;
    callers.push({ line: `${file}:${line}`, name: PACKAGE.exec(file)?.[1].replace('\\', '/') });
  }
  return callers;
}

const isOwn = (file) => OWN !== undefined && file.startsWith(OWN);

const TOLD = 'docs/reference/packages.md';

/**
 * Adds to the error's message the package that a Buffer came through, and the application's line,
 * where the stack has them: a queue's has none.
 */
function nameCallers(error) {
  if (error.message.includes(TOLD)) return;
  const callers = callersOn(error);
  const [{ name } = {}] = callers;
  const line = callers.find((one) => one.name === undefined)?.line;
  if (name !== undefined) error.message += `. It came through the package '${name}': see ${TOLD}`;
  if (line !== undefined) error.message += `. It was given at ${line}`;
}

/**
 * `to`: who was given the Buffer. `error`: the error that the caller gets. It has a `cause` if
 * debug mode watches the Buffer and has already reported it.
 */
function tell(to, error) {
  if (error.code !== 'ERR_RALLOC_DEAD_BUFFER') return;
  nameCallers(error);
  if (error.cause === undefined) warnOnce('RALLOC_DEAD_SENT', { to, why: error.message });
}

/**
 * Tells of a message of HTTP. Frameworks answer its error with a 500, or swallow it where the
 * headers are sent.
 */
const refused = (message, error) => tell(messageName(message), error);

const nothing = () => {};

/**
 * Destroys a stream that was given a dead Buffer. Its 'error' may have no listener, which would end
 * the process: then the warning alone tells of it. Throws if it is no stream.
 */
function destroyRefused(stream, error) {
  if (typeof stream?.destroy !== 'function' || typeof stream.on !== 'function') throw error;
  tell(`a ${stream.constructor?.name ?? 'stream'}`, error);
  // A listener of zlib's flush() takes the output for whole, as that of ws, which would throw.
  if (typeof stream.flush === 'function') stream.flush = nothing;
  stream.on('error', nothing);
  stream.destroy(error);
}

module.exports = { destroyRefused, refused };
