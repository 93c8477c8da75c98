'use strict';

// Validates the options of requestArena() and of routes, and sets their defaults: maxBytes,
// maxBytesPerRequest, maxHeapBytes, maxQuarantineBytes and others.

const os = require('node:os');
const { attempt } = require('../base/attempt.js');
const check = require('../base/validate.js');
const { isDisabled, isOff, isOn, variable } = require('../base/environment.js');
const { rangeError } = require('../base/errors.js');
const { lazy } = require('../base/lazy.js');
const { commonReaders, commonDefaults } = require('../arena/options.js');

const tenants = lazy(() => require('./tenant.js'));

const MiB = 1024 * 1024;
const MIN_AHEAD = 4096;

const bytes = (value, name) => check.integer(value, name, 4096, Number.MAX_SAFE_INTEGER);
/** Its upper bound depends on other options: see checkPerRequest(). */
function perRequest(value, name) {
  const isRight = Number.isSafeInteger(value) && value >= 4096;
  if (isRight || typeof value !== 'number') return bytes(value, name);
  throw rangeError(name, 'an integer >= 4096 and <= options.maxBytes', value);
}

const readers = {
  ...commonReaders,
  maxBytesPerRequest: perRequest,
  maxBytes: bytes,
  maxQuarantineBytes: (value, name) => check.integer(value, name, 0, Number.MAX_SAFE_INTEGER),
  property: propertyName,
  name: check.string,
  context: check.boolean,
  skip: check.func,
  onOverflow: (value, name) => check.oneOf(value, name, ['heap', 'error']),
  maxHeapBytes: (value, name) => check.integer(value, name, 0, Number.MAX_SAFE_INTEGER),
  warnAfterMs: (value, name) => check.milliseconds(value, name, 0),
  trim: check.boolean,
  tune: check.boolean,
  budget: (value, name) => tenants().budgetSettings(value, name),
};

/** The options that a route can set for itself. */
const routeReaders = {
  maxBytesPerRequest: perRequest,
  safety: commonReaders.safety,
  wipe: commonReaders.wipe,
};

/**
 * If several middlewares are mounted, each keeps these options; the other options of the second one
 * are ignored.
 */
const ofEach = ['property', 'name', 'context', 'skip', 'tune'];

function propertyName(value, name) {
  check.string(value, name);
  if (value === '') throw rangeError(name, 'a non-empty string', value);
  return value;
}

/**
 * The bytes that the process may use; infinite if that cannot be read (Deno without --allow-sys).
 */
const memoryOfProcess = () =>
  attempt(() => Math.min(process.constrainedMemory?.() || Infinity, os.totalmem()), Infinity);

function checkPerRequest({ maxBytesPerRequest }, maxBytes) {
  if (maxBytesPerRequest === undefined || maxBytesPerRequest <= maxBytes) return;
  const range = `an integer >= 4096 and <= options.maxBytes (${maxBytes})`;
  throw rangeError('options.maxBytesPerRequest', range, maxBytesPerRequest);
}

/** Most bytes that a window is charged beyond its use. */
const aheadOf = (maxBytesPerRequest) => Math.max(MIN_AHEAD, Math.floor(maxBytesPerRequest / 16));

function requestSettings(options) {
  const checked = check.options(options, readers);
  const eighth = Math.max(Math.floor(memoryOfProcess() / 8), 16 * MiB);
  const maxBytes = checked.maxBytes ?? Math.min(256 * MiB, eighth);
  checkPerRequest(checked, maxBytes);
  const { maxBytesPerRequest = Math.min(16 * MiB, maxBytes) } = checked;
  // In tests small bodies end with the arena as large ones do. With a budget they stay charged.
  const leavesBodies = variable('NODE_ENV') !== 'test' && checked.budget === undefined;
  return {
    ...commonDefaults,
    guard: true,
    name: '',
    maxQuarantineBytes: Math.floor(maxBytes / 4),
    property: 'arena',
    context: false,
    skip: null,
    onOverflow: 'heap',
    // At least `maxBytesPerRequest`, so that the heap can serve any request that arenas could.
    maxHeapBytes: Math.max(Math.floor(maxBytes / 4), maxBytesPerRequest),
    warnAfterMs: 60_000,
    trim: true,
    ...checked,
    ...(checked.budget ?? { budget: null, tenantOf: null, Tenant: null }),
    ...((isDisabled() || isOff('RALLOC_TRIM')) && { trim: false }),
    tune: !isDisabled() && (isOn('RALLOC_TUNE') ?? checked.tune ?? false),
    maxBytes,
    maxBytesPerRequest,
    leavesBodies: leavesBodies && checked.wipe !== true,
    ignored: Object.keys(checked).filter((name) => !ofEach.includes(name)),
    ahead: aheadOf(maxBytesPerRequest),
  };
}

/** The settings of a route: `base` with the route's `own` options. */
function routeSettings(base, own) {
  checkPerRequest(own, base.maxBytes);
  const { maxBytesPerRequest = base.maxBytesPerRequest } = own;
  const leavesBodies = base.leavesBodies && own.wipe !== true;
  return { ...base, ...own, leavesBodies, ahead: aheadOf(maxBytesPerRequest) };
}

module.exports = { propertyName, requestSettings, routeReaders, routeSettings };
