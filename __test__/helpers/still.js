'use strict';

const V8 = Number.parseInt(process.versions.v8, 10);

/**
 * How a program is started whose RSS is looked at: what is not ralloc's is kept from moving. That is V8's young generation, which
 * grows to 48 MB as it likes; the pages that V8 of Node 26 keeps for eight seconds, 25 MiB of them or none; and
 * glibc's free lists, which keep freed blocks of some 10 KiB for ever.
 */
const still = {
  execArgv: [
    '--min-semi-space-size=4',
    '--max-semi-space-size=4',
    ...(V8 >= 14 ? ['--no-memory-pool'] : []),
  ],
  env: { MALLOC_MMAP_THRESHOLD_: '16384', NODE_V8_COVERAGE: undefined },
};

module.exports = { still };
