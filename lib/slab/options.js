'use strict';

// The options of a slab, checked before anything is made.

const check = require('../base/validate.js');
const { argumentError, rangeError, typeError } = require('../base/errors.js');
const { budgetOption } = require('../budget/option.js');
const { mappingOptions, memoryOptions } = require('../memory/options.js');
const { leastBytes, slotsWithin } = require('../memory/slab-layout.js');

const MiB = 1024 * 1024;
const MIN_SIZE = 8;
const MAX_SIZE = 2 ** 30;
const MAX_POOLS = 32;
const MAX_COUNT = 2 ** 30; // slots of a pool
const MAX_SHARED_SLOTS = 2 ** 22; // of all pools together: a token has 22 bits for the slot

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

/** Reads one count for every pool, or a list with one for each. */
const counts = (least) => (value, name) => {
  if (typeof value === 'number') return check.integer(value, name, least, MAX_COUNT);
  if (!Array.isArray(value)) throw typeError(name, 'of type number or an instance of Array', value);
  return [...value].map((count, i) => check.integer(count, `${name}[${i}]`, least, MAX_COUNT));
};

const milliseconds = (value, name) => check.milliseconds(value, name, 1);

/**
 * For shared slabs: each thread or process has its own budgets, and the memory may outlive its
 * creator.
 */
function noBudget(_value, name) {
  const remedy = 'Charge what a shared slab takes yourself: budget.charge(slab.stats().committed)';
  throw argumentError(TypeError, `"${name}" is for new Slab() alone. ${remedy}`);
}

/** The options that each thread chooses for itself. */
const useReaders = {
  budget: noBudget,
  safety: (value, name) => check.oneOf(value, name, ['checked', 'recycle']),
  warnAfterMs: milliseconds,
  guard: check.boolean,
};

/** The options of pools, which slabs that can grow and slabs that cannot have in common. */
const poolReaders = {
  sizes,
  count: counts(1),
  maxBytes: (value, name) => check.integer(value, name, 1, Number.MAX_SAFE_INTEGER),
};

/** The options of Slab.attach(). */
const attachReaders = { ...useReaders, name: check.string };

const readers = {
  ...attachReaders,
  ...poolReaders,
  count: counts(0),
  minCount: counts(0),
  maxCount: counts(1),
  idleMs: milliseconds,
  memory: memoryOptions,
  budget: budgetOption,
};

/**
 * The options of slabs that processes share. Their pools cannot grow, and their name is that by
 * which they are opened.
 */
const openReaders = {
  ...useReaders,
  timeoutMs: (value, name) => check.milliseconds(value, name, 0),
  onRecovered: check.func,
  memory: mappingOptions,
};
const createReaders = {
  ...poolReaders,
  ...openReaders,
  transitMs: (value, name) => check.milliseconds(value, name, 0),
  memory: memoryOptions,
};

const attachDefaults = { safety: 'checked', warnAfterMs: 0, guard: false, name: '' };
const sharedDefaults = { ...attachDefaults, timeoutMs: 5000, transitMs: 30_000, between: true };

/** The values of option `name`, one for each pool. */
function perPool(options, name, fallback) {
  const { sizes } = options;
  const value = options[name] ?? fallback;
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

/** The settings of a new slab. */
const slabSettings = (options) => newSettings(check.options(options, readers), attachDefaults);

function newSettings(options, defaults) {
  if (options.sizes === undefined) throw typeError('options.sizes', 'an Array', undefined);
  if (options.count === undefined && options.maxCount === undefined) {
    throw typeError('options.count', 'of type number or an instance of Array', undefined);
  }
  const settings = { ...defaults, maxBytes: 128 * MiB, idleMs: 10_000, ...options };
  const count = perPool(options, 'count', 0);
  const maxCount = perPool(options, 'maxCount', count);
  const minCount = perPool(options, 'minCount', count);
  if (options.maxCount === undefined && count.includes(0)) {
    throw rangeError('options.count', 'an integer >= 1 without options.maxCount', 0);
  }
  const pools = options.sizes.map((size, i) => ({
    size,
    count: count[i],
    maxCount: maxCount[i],
    minCount: minCount[i],
    asked: maxCount[i], // `maxCount` as the caller gave it
  }));
  checkOrder(pools, 'count', 'maxCount');
  checkOrder(pools, 'minCount', 'count');
  checkBytes(leastBytes(pools), settings.maxBytes);
  for (const pool of pools) {
    // Addresses are reserved for maxCount slots, and maxBytes never allows more than this.
    pool.maxCount = slotsWithin(pool.size, 0, pool.maxCount, settings.maxBytes);
  }
  const grows = pools.some((pool) => pool.count !== pool.maxCount);
  return { ...settings, pools, grows };
}

/** How errors name a limit of a slab, as a budget's `about`. */
const limitOf = ({ name }, option = 'maxBytes') => ({ option, of: 'the slab', name });

/** Throws if `bytes`, the least that the pools take, exceed `maxBytes`. */
function checkBytes(bytes, maxBytes) {
  if (bytes <= maxBytes) return;
  const range = `an integer >= ${bytes}, the least that the pools take with their records`;
  throw rangeError('options.maxBytes', range, maxBytes);
}

const slotsOf = (pools) => pools.reduce((sum, pool) => sum + pool.count, 0);

/** The pools, as the binary takes them. */
const poolNumbers = (pools) => pools.flatMap((p) => [p.size, p.count, p.maxCount, p.minCount]);

/** The reason why such a slab cannot be shared with other threads; undefined if it can. */
function reasonNotToShare({ pools, grows }) {
  if (grows) return 'it can grow. Create it without maxCount';
  const slots = slotsOf(pools);
  if (slots <= MAX_SHARED_SLOTS) return undefined;
  return `it has ${slots} slots, and at most ${MAX_SHARED_SLOTS} can be shared`;
}

/** The settings of a new slab that processes share; `name` is null for one without a name. */
function createSettings(options, name) {
  const settings = newSettings(check.options(options, createReaders), sharedDefaults);
  const slots = slotsOf(settings.pools);
  if (slots > MAX_SHARED_SLOTS) {
    throw rangeError('options.count', `at most ${MAX_SHARED_SLOTS} in all pools together`, slots);
  }
  return { ...settings, name: name ?? '' };
}

/** The settings of an existing slab that processes share; `from`: its name, or a descriptor. */
const openSettings = (options, from) => ({
  ...sharedDefaults,
  ...check.options(options, openReaders),
  name: typeof from === 'string' ? from : '',
});

/** The settings of a slab that is attached. */
const attachSettings = (options) => ({
  ...attachDefaults,
  ...check.options(options, attachReaders),
});

const NONCE = /^[0-9a-f]{16}$/;

/** Reads a handle's parts, each once, and checks them. */
function handleParts(handle) {
  if (handle === null || typeof handle !== 'object') throw typeError('handle', 'an object', handle);
  const { id, nonce } = handle;
  check.integer(id, 'handle.id', 1, Number.MAX_SAFE_INTEGER);
  check.string(nonce, 'handle.nonce');
  if (!NONCE.test(nonce)) throw rangeError('handle.nonce', '16 hexadecimal digits', nonce);
  return { id, nonce };
}

module.exports = {
  slabSettings,
  createSettings,
  openSettings,
  attachSettings,
  reasonNotToShare,
  poolNumbers,
  checkBytes,
  limitOf,
  handleParts,
};
