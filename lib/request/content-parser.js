'use strict';

// The parser of bodies of Fastify's plugin: what `parseAs: 'buffer'` does, with the body in the
// request's arena, and Fastify's own errors.

const { isRegExp } = require('node:util').types;
const { RallocError, typeError } = require('../base/errors.js');
const { requestName } = require('../base/name.js');
const { readFor } = require('../base/observer.js');

const OCTETS = 'application/octet-stream';

const isType = (value) => typeof value === 'string' || isRegExp(value);

/** The content types that the option `body` asks for. */
function bodyTypes(body) {
  if (body === undefined || body === false) return [];
  const types = body === true ? OCTETS : body;
  const all = Array.isArray(types) ? types : [types];
  if (all.every(isType)) return all;
  const expected = 'a boolean, a string, a RegExp, or an array of strings and RegExps';
  throw typeError('options.body', expected, body);
}

/** Creates an error as Fastify does: its `errorCodes` recognize it by the symbol. */
function fastifyError(code, statusCode, message) {
  const error = new RangeError(message);
  Object.defineProperty(error, Symbol.for(`fastify-error ${code}`), { value: true });
  return Object.assign(error, { code, name: 'FastifyError', statusCode });
}

const tooLarge = () => fastifyError('FST_ERR_CTP_BODY_TOO_LARGE', 413, 'Request body is too large');

const wrongLength = () =>
  fastifyError(
    'FST_ERR_CTP_INVALID_CONTENT_LENGTH',
    400,
    'Request body size did not match Content-Length',
  );

/** Reads the body of a request without an arena, because of `skip`. */
async function onHeap(payload, limit) {
  const chunks = [];
  let size = 0;
  for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/**
 * Reads `payload`. A hook may have replaced Node's request by it, to inflate a body or to count its
 * bytes.
 */
async function readPayload(arena, payload, limit, announced) {
  if (announced > limit) throw tooLarge();
  const body =
    arena === undefined ? await onHeap(payload, limit) : await arena.collect(payload, { limit });
  const { receivedEncodedLength = 0 } = payload;
  if (receivedEncodedLength > limit) throw tooLarge();
  if (!Number.isNaN(announced) && (receivedEncodedLength || body.length) !== announced) {
    throw wrongLength();
  }
  return body;
}

function placeOf({ method, raw, routeOptions: { url } }) {
  const route = url === undefined ? requestName(raw) : `the route ${method} ${url}`;
  return `the option "body" of ralloc/fastify, for ${route}`;
}

/** A parser, as addContentTypeParser() takes it, for requests whose arena is at `property`. */
function contentParser({ property }) {
  return async (request, payload) => {
    const arena = request[property];
    const limit = request.routeOptions.bodyLimit;
    const read = () => {
      if (payload === request.raw && arena !== undefined) return arena.body({ limit });
      return readPayload(arena, payload, limit, Number(request.headers['content-length']));
    };
    try {
      return await readFor(() => placeOf(request), read);
    } catch (error) {
      if (error.code === 'ERR_RALLOC_LIMIT' && error.option === 'limit') throw tooLarge();
      // Errors of the stream are the client's fault, for example a body that is not compressed as
      // announced.
      if (!(error instanceof RallocError) && !(error.statusCode >= 400)) error.statusCode = 400;
      throw error;
    }
  };
}

module.exports = { bodyTypes, contentParser };
