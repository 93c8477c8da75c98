'use strict';

// All codes of ralloc's errors, the class RallocError, and the errors that several folders throw:
// limits, full slabs, dead Buffers. Errors of one folder alone are made there, as in
// slab/shared.js. docs/reference/errors.md lists the codes; a test counts them.

const { inspect } = require('node:util');
const { lazy } = require('./lazy.js');
const { kError } = require('./protocol.js');

const system = lazy(() => require('./system-error.js'));

/** Code -> what it means, in one line. The keys are the stable part of ralloc's errors. */
const codes = Object.freeze({
  ERR_RALLOC_INVALID_ARGUMENT: 'an argument or option has the wrong type, name or value',
  ERR_RALLOC_LIMIT: 'a byte limit is reached',
  ERR_RALLOC_MAP: 'the operating system refused memory',
  ERR_RALLOC_EXHAUSTED: 'no slot of the slab is free',
  ERR_RALLOC_ABORTED: 'a body or stream ended before its end, or a wait was aborted',
  ERR_RALLOC_CLOSED:
    'the arena, slab, region or budget is closed, or the scope or charge has ended',
  ERR_RALLOC_STALE_CHECKPOINT: 'the checkpoint is spent, out of order or of another arena',
  ERR_RALLOC_ESCAPED: 'a function returned a Buffer that dies with it',
  ERR_RALLOC_DEAD_BUFFER: 'the memory of the Buffer was reset or freed',
  ERR_RALLOC_DOUBLE_FREE: 'the Buffer was freed or sent before',
  ERR_RALLOC_FOREIGN_BUFFER: 'the Buffer is not one that the slab or region handed out',
  ERR_RALLOC_STALE_TOKEN: 'the token is spent, or names nothing that was sent',
  ERR_RALLOC_IN_USE: 'Buffers of the slab or region are in use',
  ERR_RALLOC_SEGMENT_INVALID: 'the memory that processes share is not that of such a slab',
  ERR_RALLOC_SEGMENT_VERSION:
    'the memory that processes share is laid out by another version of ralloc',
  ERR_RALLOC_SEGMENT_TIMEOUT: 'another process did not finish the slab in time',
  ERR_RALLOC_FRAMEWORK: 'the adapter is for another framework, or another major version of it',
  ERR_RALLOC_MOUNTED: 'the plugin is registered already',
  ERR_RALLOC_PROFILE_UNREADABLE: 'the file of a profile cannot be read',
  ERR_RALLOC_PROFILE_UNWRITABLE: 'a profile, or what is made of it, cannot be written',
  ERR_RALLOC_PROFILE_FOREIGN: 'the file is no profile, no heap snapshot, or of another process',
  ERR_RALLOC_PROFILE_DAMAGED: 'the profile or heap snapshot is empty, cut off or damaged',
  ERR_RALLOC_PROFILE_VERSION: 'the profile is of a newer version of ralloc',
  ERR_RALLOC_PROFILE_RUNNING: 'the thread is profiled already',
  ERR_RALLOC_TABLE_INVALID: 'the file is no table, or not whole',
  ERR_RALLOC_TABLE_VERSION: 'the table is of a newer version of ralloc',
  ERR_RALLOC_TABLE_FOREIGN: 'the table is of another application',
  ERR_RALLOC_UNSUPPORTED: 'this cannot be done here',
  ERR_RALLOC_MISUSE: 'noLeaks() of ralloc/test found misuse, or something that was not given back',
  ERR_RALLOC_CORRUPTED: 'an internal invariant does not hold',
});

class RallocError extends Error {
  constructor(code, message, details) {
    super(message);
    this.code = code;
    if (details !== undefined) Object.assign(this, details);
  }

  get name() {
    return 'RallocError';
  }

  get [kError]() {
    return true;
  }

  toString() {
    return `${this.name} [${this.code}]: ${this.message}`;
  }

  static [Symbol.hasInstance](value) {
    return value !== null && typeof value === 'object' && value[kError] === true;
  }
}

function argumentError(Base, message) {
  const error = new Base(message);
  error.code = 'ERR_RALLOC_INVALID_ARGUMENT';
  return error;
}

/** Describes a value as Node does in its ERR_INVALID_ARG_TYPE. */
function received(value) {
  if (value == null) return `Received ${value}`;
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') {
    const name = value.constructor?.name;
    return name ? `Received an instance of ${name}` : `Received ${inspect(value, { depth: -1 })}`;
  }
  const text = inspect(value, { colors: false });
  return `Received type ${typeof value} (${text.length > 28 ? `${text.slice(0, 25)}...` : text})`;
}

/** A TypeError: `name` ("size", "options.align") is not of the type that `expected` words. */
function typeError(name, expected, value) {
  const kind = name.includes('.') ? 'property' : 'argument';
  return argumentError(TypeError, `The "${name}" ${kind} must be ${expected}. ${received(value)}`);
}

/** A RangeError: `name` has the right type and a value outside of what `expected` words. */
const rangeError = (name, expected, value) =>
  argumentError(
    RangeError,
    `The value of "${name}" is out of range. It must be ${expected}. Received ${inspect(value)}`,
  );

const ALL_IN_USE = { parts: [], remedy: 'release memory first' };

/** The option to raise, in words (`About` in memory/budget.js). */
const raised = ({ option, of, name }) =>
  name === '' ? `"${option}"` : `${option} of ${of} '${name}'`;

/**
 * `usage`: what has the bytes, and how to get them back, if that is possible
 * (memory/pool-usage.js).
 */
function limitError(about, requested, limit, used, { parts, remedy } = ALL_IN_USE) {
  const { option } = about;
  const how = parts.length === 0 ? 'in use' : `taken (${parts.join(', ')})`;
  const or = remedy === undefined ? '' : `, or ${remedy}`;
  return new RallocError(
    'ERR_RALLOC_LIMIT',
    `${requested} bytes do not fit: ${used} of ${limit} bytes are ${how}. Raise ${raised(about)}${or}`,
    { requested, limit, used, option },
  );
}

/**
 * Makes frameworks answer an unhandled error with `status`: connect, Express, Koa, Fastify and Nest
 * read one of the two properties, and Hono calls getResponse().
 */
function withStatus(status, error) {
  const getResponse = () => new Response(require('node:http').STATUS_CODES[status], { status });
  Object.defineProperty(error, 'getResponse', { value: getResponse });
  return Object.assign(error, { status, statusCode: status });
}

/** The error for a source with more bytes than its reader's limit. */
const tooLarge = (requested, limit, used) =>
  withStatus(
    413,
    new RallocError(
      'ERR_RALLOC_LIMIT',
      `More than ${limit} bytes arrived or were announced. Raise "options.limit"`,
      { requested, limit, used, option: 'limit' },
    ),
  );

/** `why`, in words; `cause`: the error of the source, if it had one. */
function abortedError(why, cause) {
  const error = withStatus(400, new RallocError('ERR_RALLOC_ABORTED', why));
  if (cause !== undefined && cause !== null) error.cause = cause;
  return error;
}

function exhaustedError(about, requested, limit, used) {
  const { option } = about;
  return new RallocError(
    'ERR_RALLOC_EXHAUSTED',
    `No slot is free for ${requested} bytes: ${used} of ${limit} bytes are in use in the pools that fit. Raise ${raised(about)}, or free Buffers first`,
    { requested, limit, used, option },
  );
}

function mapError(failure, requested, asked) {
  const { adviceFor, codeOf, errorName } = system();
  const { syscall, errno } = failure;
  return new RallocError(
    'ERR_RALLOC_MAP',
    `${syscall} refused ${requested} bytes: ${errorName(failure)}${adviceFor(failure, asked)}`,
    { syscall, errno, errnoCode: codeOf(failure), requested },
  );
}

/** Describes a failure of kind 'map' or 'unsupported'. */
const failureReason = (failure) =>
  failure.kind === 'map'
    ? `${failure.syscall} failed: ${system().errorName(failure)}`
    : failure.why;

/**
 * Creates the error for the failure of a lease or a probe (src/node/convert.rs). `asked`: the
 * options `memory`; `usage`: what has the bytes, if known; `what`: the option that cannot be
 * granted.
 */
function refusal(failure, about, requested, { asked, usage, what = 'options.memory' } = {}) {
  const { kind, limit, used, why } = failure;
  if (kind === 'map') return mapError(failure, requested, asked);
  if (kind === 'limit') return limitError(about, requested, limit, used, usage);
  return new RallocError('ERR_RALLOC_UNSUPPORTED', `${what} cannot be granted: ${why}`);
}

/** How the memory behind a Buffer can end. */
const deaths = Object.freeze({
  reset: 'its arena was reset',
  rewind: 'its arena was rewound to a checkpoint from before it',
  scope: 'its scope has ended',
  close: 'its arena was closed',
  response: 'its response is over',
  abort: 'its response is over',
  slab: 'its slab was closed',
  region: 'its region was closed',
  freed: 'it was freed',
  sent: 'it was sent to another thread',
  transferred: 'its ArrayBuffer was transferred away',
});

const UNKNOWN_DEATH =
  'its arena was reset or closed, its scope or response is over, or its ArrayBuffer was transferred away';

/**
 * `name`: the argument's name, unless it is the Buffer of an operation; `death`: a key of `deaths`,
 * if it is known.
 */
const deadError = (name, death) =>
  new RallocError(
    'ERR_RALLOC_DEAD_BUFFER',
    `The ${name === undefined ? 'Buffer' : `"${name}" argument`} is dead: ${deaths[death] ?? UNKNOWN_DEATH}. Use it before that, or take copyOut(buffer) in time`,
  );

/**
 * The error for an adapter that was given an object of another framework, or of a wrong `version`.
 */
function frameworkError(door, framework, found, version) {
  const got = version === undefined ? received(found) : `Received version ${version}`;
  return new RallocError('ERR_RALLOC_FRAMEWORK', `ralloc/${door} needs ${framework}. ${got}`, {
    framework,
    version,
  });
}

const mountedError = (name) =>
  new RallocError(
    'ERR_RALLOC_MOUNTED',
    `ralloc is already registered here: "${name}" belongs to it. Register it once, with the options for all routes`,
  );

const closedError = (what) => new RallocError('ERR_RALLOC_CLOSED', `${what} is closed`);

module.exports = {
  codes,
  RallocError,
  argumentError,
  received,
  typeError,
  rangeError,
  limitError,
  tooLarge,
  abortedError,
  withStatus,
  exhaustedError,
  refusal,
  failureReason,
  deaths,
  deadError,
  frameworkError,
  mountedError,
  closedError,
};
