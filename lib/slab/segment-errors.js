'use strict';

// The errors of slabs that processes share.

const { constants } = require('node:os');
const { RallocError, adviceFor, errorName } = require('../base/errors.js');

/** What to do about an error of the system. */
const remedies = {
  ENOENT: (of) => `There is no slab ${of}. Create it first, or call Slab.openOrCreate()`,
  EEXIST: (of) => `There is a slab ${of} already. Open it, or call Slab.unlink() first`,
  EBADF: (of) => `There is no slab ${of}: the process has no such descriptor`,
  EACCES: (of) => `The slab ${of} is another user's, or this user may make none`,
};

function systemError(failure, of, requested, asked) {
  const { syscall, errno, code } = failure;
  const isOfSlab = syscall.startsWith('shm_') || code === 'EBADF';
  const remedy = isOfSlab ? remedies[code]?.(of) : undefined;
  const text = `${syscall} failed: ${errorName(failure)}${adviceFor(failure, asked)}`;
  const message = remedy === undefined ? `The slab ${of}: ${text}` : `${remedy} (${text})`;
  return new RallocError('ERR_RALLOC_MAP', message, { syscall, errno, errnoCode: code, requested });
}

/** `of`: the name or descriptor, in words; `requested`: the bytes that a new slab takes; `asked`: the options `memory`. */
function segmentError(failure, of, requested, asked) {
  const { kind, used, limit, field, why, exact } = failure;
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
      return new RallocError('ERR_RALLOC_SEGMENT_INVALID', message, {
        field,
        found: exact?.[0] ?? used,
        expected: exact?.[1] ?? limit,
      });
    case 'version':
      return new RallocError('ERR_RALLOC_SEGMENT_VERSION', message, {
        found: exact?.[0] ?? used,
        expected: exact?.[1] ?? limit,
      });
    case 'timeout':
      return new RallocError('ERR_RALLOC_SEGMENT_TIMEOUT', message, { waitedMs: used });
    default: {
      const what = asked === undefined ? 'a slab' : 'a slab with such options.memory';
      return new RallocError('ERR_RALLOC_UNSUPPORTED', `Processes cannot share ${what}: ${why}`);
    }
  }
}

module.exports = { segmentError };
