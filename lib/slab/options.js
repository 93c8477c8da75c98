'use strict';

// What a slab is asked to be, checked before anything is made.

const check = require('../base/validate.js');
const { rangeError, typeError } = require('../base/errors.js');
const { memoryOptions } = require('../memory/options.js');

const MiB = 1024 * 1024;
const MIN_SIZE = 8;
const MAX_SIZE = 2 ** 30;
const MAX_POOLS = 32;
const MAX_COUNT = 2 ** 30; // slots of a pool
const MAX_SHARED = 2 ** 22; // slots of a slab that travel by token, all pools together
const MAX_MS = 2 ** 31 - 1;
const DEFAULT_MAX_BYTES = 128 * MiB;
const DEFAULT_IDLE_MS = 10_000;

function sizes(value, name) {
  if (!Array.isArray(value)) throw typeError(name, 'an Array', value);
  const all = [...value];
  if (all.length === 0 || all.length > MAX_POOLS) {
    throw rangeError(`${name}.length`, `an integer >= 1 and <= ${MAX_POOLS}`, all.length);
  }
  all.forEach((size, i) => {
    check.powerOfTwo(size, `${name}[${i}]`, MIN_SIZE, MAX_SIZE);
    if (i > 0 && size <= all[i - 1]) {
      throw rangeError(`${name}[${i}]`, `greater than ${name}[${i - 1}] (${all[i - 1]})`, size);
    }
  });
  return all;
}

/** A count for every pool, or a list of one for each. */
const counts = (least) => (value, name) => {
  if (typeof value === 'number') return check.integer(value, name, least, MAX_COUNT);
  if (!Array.isArray(value)) throw typeError(name, 'of type number or an instance of Array', value);
  return [...value].map((count, i) => check.integer(count, `${name}[${i}]`, least, MAX_COUNT));
};

const milliseconds = (value, name) => check.integer(value, name, 1, MAX_MS);

/** Options that threads which attach give for themselves. */
const localReaders = {
  safety: (value, name) => check.oneOf(value, name, ['checked', 'recycle']),
  warnAfterMs: milliseconds,
  name: check.string,
};

const readers = {
  ...localReaders,
  sizes,
  count: counts(1),
  minCount: counts(0),
  maxCount: counts(1),
  idleMs: milliseconds,
  maxBytes: (value, name) => check.integer(value, name, 1, Number.MAX_SAFE_INTEGER),
  memory: memoryOptions,
};

const localDefaults = { safety: 'checked', warnAfterMs: 0, name: '' };

/** Option `name` for each pool. */
function perPool(given, name, fallback) {
  const { sizes } = given;
  const value = given[name] ?? fallback;
  if (typeof value === 'number') return sizes.map(() => value);
  if (value.length !== sizes.length) {
    const range = `options.sizes.length (${sizes.length})`;
    throw rangeError(`options.${name}.length`, range, value.length);
  }
  return value;
}

function checkOrder(pools, low, high) {
  pools.forEach((pool, i) => {
    if (pool[low] > pool[high]) {
      const range = `at most that of options.${high} (${pool[high]}) in pool ${i}`;
      throw rangeError(`options.${low}`, range, pool[low]);
    }
  });
}

/** The settings of a slab that is made here. */
function slabSettings(options) {
  const given = check.options(options, readers);
  if (given.sizes === undefined) throw typeError('options.sizes', 'an Array', undefined);
  if (given.count === undefined && given.maxCount === undefined) {
    throw typeError('options.count', 'of type number or an instance of Array', undefined);
  }
  const settings = { ...localDefaults, maxBytes: DEFAULT_MAX_BYTES, idleMs: DEFAULT_IDLE_MS };
  Object.assign(settings, given);
  const count = perPool(given, 'count', 0);
  const maxCount = perPool(given, 'maxCount', count);
  const minCount = perPool(given, 'minCount', count);
  const pools = given.sizes.map((size, i) => ({
    size,
    count: count[i],
    maxCount: maxCount[i],
    minCount: minCount[i],
  }));
  checkOrder(pools, 'count', 'maxCount');
  checkOrder(pools, 'minCount', 'count');
  checkBytes(
    pools.reduce((sum, pool) => sum + pool.size * pool.count, 0),
    settings.maxBytes,
  );
  for (const pool of pools) {
    // More than this there can never be, and addresses for them need not be reserved.
    const most = Math.max(Math.floor(settings.maxBytes / pool.size), 1);
    pool.maxCount = Math.max(Math.min(pool.maxCount, most), pool.count);
  }
  const grows = pools.some((pool) => pool.count !== pool.maxCount);
  return { ...settings, pools, grows };
}

/** The pools take `bytes` from the start. */
function checkBytes(bytes, maxBytes) {
  if (bytes <= maxBytes) return;
  throw rangeError('options.maxBytes', `an integer >= ${bytes}, which the pools take`, maxBytes);
}

/** Why slots of such a slab cannot go to other threads; undefined if they can. */
function whyNotShared({ pools, grows }) {
  if (grows) return 'a slab that can grow stays in its thread: make it without maxCount';
  const slots = pools.reduce((sum, pool) => sum + pool.count, 0);
  if (slots <= MAX_SHARED) return undefined;
  return `a slab of more than ${MAX_SHARED} slots stays in its thread, and this one has ${slots}`;
}

/** The settings of a thread that attaches. */
const attachSettings = (options) => ({ ...localDefaults, ...check.options(options, localReaders) });

const NONCE = /^[0-9a-f]{16}$/;

/** A handle's parts, read once. */
function handleParts(handle) {
  if (handle === null || typeof handle !== 'object') throw typeError('handle', 'an object', handle);
  const { id, nonce } = handle;
  check.integer(id, 'handle.id', 1, Number.MAX_SAFE_INTEGER);
  check.string(nonce, 'handle.nonce');
  if (!NONCE.test(nonce)) throw rangeError('handle.nonce', '16 hexadecimal digits', nonce);
  return { id, nonce };
}

module.exports = { slabSettings, attachSettings, whyNotShared, checkBytes, handleParts };
