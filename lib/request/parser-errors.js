'use strict';

// The errors of rawBody(): those of body-parser 2, with the same statuses, types and properties,
// for error handlers that know them.

const NAMES = {
  400: 'BadRequestError',
  403: 'ForbiddenError',
  413: 'PayloadTooLargeError',
  415: 'UnsupportedMediaTypeError',
  500: 'InternalServerError',
};

/** Adds the properties of an error that is answered with `status`. */
const answered = (error, status, details) =>
  Object.assign(error, { expose: status < 500, status, statusCode: status }, details);

function parserError(status, message, details) {
  const error = new Error(message);
  Object.defineProperty(error, 'name', {
    value: NAMES[status],
    configurable: true,
    writable: true,
  });
  Error.captureStackTrace(error, parserError); // again, because the stack's first line has the name
  return answered(error, status, details);
}

/** More bytes arrived or were announced: `expected` and `length`, or else `received`. */
const tooLarge = (details) =>
  parserError(413, 'request entity too large', { ...details, type: 'entity.too.large' });

const unsupported = (message, encoding) =>
  parserError(415, message, { encoding, type: 'encoding.unsupported' });

const aborted = (expected, received, cause) =>
  parserError(400, 'request aborted', {
    code: 'ECONNABORTED',
    expected,
    length: expected,
    received,
    type: 'request.aborted',
    ...(cause === undefined ? {} : { cause }),
  });

const wrongSize = (expected, received) =>
  parserError(400, 'request size did not match content length', {
    expected,
    length: expected,
    received,
    type: 'request.size.invalid',
  });

const encodingSet = () =>
  parserError(500, 'stream encoding should not be set', { type: 'stream.encoding.set' });

const notReadable = () =>
  parserError(500, 'stream is not readable', { type: 'stream.not.readable' });

const isAnswer = (status) => Number.isInteger(status) && status >= 400 && status < 600;

/** An error of a stream. Errors of zlib are the client's fault. */
function badRequest(error) {
  const status = error.status ?? error.statusCode;
  return answered(error, isAnswer(status) ? status : 400);
}

/** An error that `verify` threw. It keeps its own status and type. */
function notVerified(thrown, body) {
  const details = { body, type: thrown?.type || 'entity.verify.failed' };
  if (!(thrown instanceof Error)) {
    return parserError(403, typeof thrown === 'string' ? thrown : 'Forbidden', details);
  }
  const status = thrown.status || thrown.statusCode || 403;
  return answered(thrown, isAnswer(status) ? status : 500, details);
}

module.exports = {
  aborted,
  badRequest,
  encodingSet,
  notReadable,
  notVerified,
  tooLarge,
  unsupported,
  wrongSize,
};
