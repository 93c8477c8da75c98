'use strict';

// Error numbers of the system: their names, and what to do about a call that it refused.

const process = require('node:process');
const { getSystemErrorName } = require('node:util');

/** The Unix names for error numbers of Windows. */
const WINDOWS_CODES = {
  ...{ EINVAL: [87, 487], EPERM: [5, 1300, 1314], ENOENT: [2, 3], EEXIST: [80, 183] },
  ...{ ENOMEM: [8, 14, 1450, 1453, 1455], EMFILE: [4], EBUSY: [32, 33, 1224] },
  ...{ ENOSPC: [39, 112], ENAMETOOLONG: [123, 206] },
};

/** The name of a system error number; undefined if Node has none. */
function errnoCode(errno, platform = process.platform) {
  if (platform === 'win32')
    return Object.keys(WINDOWS_CODES).find((name) => WINDOWS_CODES[name].includes(errno));
  const name = getSystemErrorName(-errno);
  return /^E[A-Z\d]+$/.test(name) ? name : undefined;
}

/** The name of a failure's error. The fallback's failures already have it. */
const codeOf = ({ code, errno }) => code ?? errnoCode(errno);

/** A failure's error number and, if it has one, its name. */
function errorName(failure) {
  const code = codeOf(failure);
  return code === undefined ? `errno ${failure.errno}` : `${code} (errno ${failure.errno})`;
}

const NO_HUGE_PAGES =
  'The system has no huge pages to give: raise vm.nr_hugepages, or ask for hugePages: "prefer"';
const requiresHugePages = ({ hugePages }) => hugePages === 'require';

const asksForNode = ({ numaNode }) => numaNode !== undefined;
const NODE_REMEDIES = {
  EIO: 'Bind the slab before others open or attach it',
  EPERM: 'A filter of system calls refuses: run the container with --cap-add SYS_NICE',
};
const nodeRemedy = (failure) =>
  NODE_REMEDIES[codeOf(failure)] ?? 'Give a numaNode that this system has';

/** System call that was refused -> for which memory options there is a remedy, and the remedy. */
const REMEDIES = {
  mmap: [requiresHugePages, NO_HUGE_PAGES],
  madvise: [requiresHugePages, NO_HUGE_PAGES],
  mlock: [({ lock }) => lock, 'Raise the limit on locked memory (RLIMIT_MEMLOCK, ulimit -l)'],
  mbind: [asksForNode, nodeRemedy],
  get_mempolicy: [asksForNode, nodeRemedy],
};

/**
 * What to do about a call that the system refused, as the end of a message; `asked`: the options
 * `memory`.
 */
function adviceFor(failure, asked = {}) {
  const [isFor, remedy] = REMEDIES[failure.syscall] ?? [];
  if (!isFor?.(asked)) return '';
  return `. ${typeof remedy === 'function' ? remedy(failure) : remedy}`;
}

module.exports = { adviceFor, codeOf, errnoCode, errorName };
