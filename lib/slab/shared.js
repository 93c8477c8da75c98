'use strict';

// Slabs that processes share: creates, opens and unlinks them, and reports participants that died.
// The memory and its locks are in src/memory/segment and src/slab.

const { channel } = require('node:diagnostics_channel');
const { constants } = require('node:os');
const { RallocError, rangeError, typeError } = require('../base/errors.js');
const { isMainThread } = require('../base/runtime.js');
const { adviceFor, codeOf, errorName } = require('../base/system-error.js');
const check = require('../base/validate.js');
const { slabs } = require('../memory/native.js');
const { translateErrors } = require('./lease.js');
const { poolNumbers } = require('./options.js');

// The errors of slabs that processes share.

/** What to do about an error of the system. */
const remedies = {
  ENOENT: (of) => `There is no slab ${of}. Create it first, or call Slab.openOrCreate()`,
  EEXIST: (of) => `There is a slab ${of} already. Open it, or call Slab.unlink() first`,
  EBADF: (of) => `There is no slab ${of}: the process has no such descriptor`,
  EACCES: (of) => `The slab ${of} is another user's, or this user may make none`,
};

function systemError(failure, of, requested, asked) {
  const { syscall, errno } = failure;
  const code = codeOf(failure);
  const isOfSlab = syscall.startsWith('shm_') || code === 'EBADF';
  const remedy = isOfSlab ? remedies[code]?.(of) : undefined;
  const text = `${syscall} failed: ${errorName(failure)}${adviceFor(failure, asked)}`;
  const message = remedy === undefined ? `The slab ${of}: ${text}` : `${remedy} (${text})`;
  return new RallocError('ERR_RALLOC_MAP', message, { syscall, errno, errnoCode: code, requested });
}

/**
 * `of`: the name or descriptor, in words; `requested`: the bytes that a new slab takes; `asked`:
 * the options `memory`.
 */
function segmentError(failure, of, requested, asked) {
  const { kind, used, limit, field, why, exact } = failure;
  const [found, expected] = exact ?? [used, limit];
  const message = `The slab ${of}: ${why}`;
  switch (kind) {
    case 'map':
      return systemError(failure, of, requested, asked);
    case 'room':
      return new RallocError('ERR_RALLOC_MAP', message, {
        syscall: 'fallocate',
        errno: constants.errno.ENOSPC,
        errnoCode: 'ENOSPC',
        requested: used,
        free: limit,
      });
    case 'invalid':
      return new RallocError('ERR_RALLOC_SEGMENT_INVALID', message, { field, found, expected });
    case 'version':
      return new RallocError('ERR_RALLOC_SEGMENT_VERSION', message, { found, expected });
    case 'timeout':
      return new RallocError('ERR_RALLOC_SEGMENT_TIMEOUT', message, { waitedMs: used });
    default: {
      const what = asked === undefined ? 'a slab' : 'a slab with such options.memory';
      return new RallocError('ERR_RALLOC_UNSUPPORTED', `Processes cannot share ${what}: ${why}`);
    }
  }
}

const LONGEST_NAME = 255; // bytes, with the slash
const MOST_DESCRIPTOR = 2 ** 31 - 1;
const NAME = 'a slash and 1 to 254 bytes without a slash or null byte, other than "." and ".."';

const recoveries = channel('ralloc:slab:recovered');

function checkName(name) {
  check.string(name, 'name');
  const rest = name.slice(1);
  const isFileName = rest !== '' && !/[/\0]/.test(rest) && rest !== '.' && rest !== '..';
  // A lone surrogate would be replaced by another character, so that two names would be the same.
  const isUnicode = Buffer.from(name).toString() === name;
  if (name[0] !== '/' || !isFileName || !isUnicode || Buffer.byteLength(name) > LONGEST_NAME) {
    throw rangeError('name', NAME, name);
  }
  return name;
}

/** The arguments of SlabCore.over() to create a slab; `name` is null for memory without one. */
function creating(name, orOpen, { pools, maxBytes, transitMs, timeoutMs, memory }) {
  const numbers = poolNumbers(pools);
  const bytes = pools.reduce((sum, pool) => sum + pool.size * pool.count, 0);
  const of = name === null ? 'without a name' : `'${name}'`;
  return {
    take: (leased) => leased.create(name, orOpen, numbers, maxBytes, transitMs, timeoutMs, memory),
    refuse: (failure) => segmentError(failure, of, bytes, memory),
  };
}

/** A name, or the number of a descriptor. */
function checkFrom(from) {
  if (typeof from === 'number') return check.integer(from, 'name', 0, MOST_DESCRIPTOR);
  if (typeof from !== 'string') throw typeError('name', 'of type string or number', from);
  return checkName(from);
}

/** The arguments of SlabCore.over() to open a slab. */
function opening(from, { timeoutMs, memory }) {
  const isName = typeof from === 'string';
  const of = isName ? `'${from}'` : `of descriptor ${from}`;
  return {
    take: (leased) =>
      isName ? leased.openName(from, timeoutMs, memory) : leased.openDescriptor(from, memory),
    refuse: (failure) => segmentError(failure, of, 0, memory),
  };
}

/** Calls a function that needs no slab. */
function ask(method, of, ...args) {
  const answer = translateErrors(() => slabs(true).LeasedSlab[method](...args));
  if (answer?.kind !== undefined) throw segmentError(answer, of, 0);
  return answer;
}

/** Ends a name; returns false if there is no such name. */
function unlink(name) {
  checkName(name);
  try {
    ask('unlink', `'${name}'`, name);
    return true;
  } catch (error) {
    if (error.errnoCode === 'ENOENT') return false;
    throw error;
  }
}

const list = () => ask('list', 'list').map((name) => ({ name }));

/** The participants: [{ pid, since, self }], the oldest first. */
function participants(core) {
  core.checkLive();
  core.open();
  return core
    .call('members')
    .map(({ pid, since, own }) => ({ pid, since, self: own }))
    .sort((a, b) => a.since - b.since);
}

/**
 * Frees the slots of dead participants. Returns [{ pid, slots }], with those that were freed
 * earlier but not reported yet.
 */
function recover(core) {
  core.checkLive();
  core.open();
  core.settle();
  const now = core.call('recover');
  const recovered = [...core.call('takeRecovered'), ...now];
  tell(core, recovered);
  return recovered;
}

/**
 * Reports participants whose slots were recovered at an attach, or when slots ran out. Called by a
 * timer or at the close, never during an allocation.
 */
function tellRecovered(core) {
  if (core.settings.between) tell(core, core.leased.takeRecovered());
}

function tell({ settings, face }, recovered) {
  for (const { pid, slots } of recovered) {
    if (recoveries.hasSubscribers) recoveries.publish({ slab: face, pid, slots });
    // In a later turn: an error of the callback is uncaught, and does not interrupt this loop.
    if (settings.onRecovered) process.nextTick(settings.onRecovered, { pid, slots });
  }
}

const open = new Set(); // WeakRefs of the slabs of this thread that other processes share
const ended = new FinalizationRegistry((ref) => open.delete(ref));

/**
 * Frees the slots when the process exits. Otherwise they would stay taken until another process
 * finds this one dead; and on the main thread Node exits without running the finalizers that end a
 * worker's participation.
 */
function leaveAtExit(core) {
  if (!isMainThread) return;
  if (open.size === 0 && !process.listeners('exit').includes(leaveAll))
    process.on('exit', leaveAll);
  const ref = new WeakRef(core);
  open.add(ref);
  ended.register(core, ref);
}

function leaveAll() {
  for (const ref of open) ref.deref()?.closeAtExit();
  open.clear();
}

module.exports = {
  segmentError,
  checkName,
  checkFrom,
  creating,
  opening,
  unlink,
  list,
  participants,
  recover,
  tellRecovered,
  leaveAtExit,
};
