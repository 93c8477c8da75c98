'use strict';

const bounds = ['request/bounds.test.js'];
const abort = ['request/abort.test.js'];

module.exports = [
  {
    file: 'request/request.js',
    tests: bounds,
    mutants: {
      'ends twice': [
        'if (this.isOver) return;',
        '',
        { equivalent: 'the watch of its response ends it once' },
      ],
      'no limit on the heap': ['if (size > this.#room) throw this.limitError(size);', ''],
      'heap bytes are not charged': ['    this.#room -= size;\n', ''],
      'windows are not charged': ['    this.#room -= count;\n', ''],
      'after the end there is no limit': [
        'if (size > this.#room) throw',
        'if (!this.isOver && size > this.#room) throw',
        { tests: ['request/late-limit.test.js'] },
      ],
      'windows take all of the room': [
        'Math.max(need, Math.min(want, ahead))',
        'Math.max(need, want)',
        { tests: ['request/room.test.js'] },
      ],
      'windows are not discharged': ['    this.#room += count;\n', ''],
      'the heap serves one allocation only': ['    this.usesHeap = true;\n', ''],
      'a fallback is not counted': ['    this.#arenas.countFallback(error.message);\n', ''],
      'every error means the heap': [
        '!(error instanceof RallocError)',
        'false',
        { equivalent: 'whatever memory refuses is a RallocError; the rest would be a bug' },
      ],
      'no error means the heap': ['!(error instanceof RallocError)', 'true'],
      'its arena can be closed': [
        "    throw new RallocError(\n      'ERR_RALLOC_UNSUPPORTED'",
        "    return new RallocError(\n      'ERR_RALLOC_UNSUPPORTED'",
        { tests: ['request/stream.test.js'] },
      ],
      'the limit of all is the limit of one': [
        'return this.settings.maxBytesPerRequest',
        'return this.settings.maxBytes',
      ],
      'always finished': [
        'releaseRequestArena(this.arena, !mayBeRead)',
        'releaseRequestArena(this.arena, true)',
        { tests: abort },
      ],
      'never finished': [
        'releaseRequestArena(this.arena, !mayBeRead)',
        'releaseRequestArena(this.arena, false)',
        { tests: ['request/body.test.js'] },
      ],
    },
  },
  {
    file: 'request/requests.js',
    tests: ['request/close.test.js', 'request/bounds.test.js'],
    mutants: {
      'leases after close()': ['this.#closing !== null || this.#over', 'this.#over'],
      'leases over the quarantine': [
        ' || this.#overQuarantine()',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'heap requests are not counted': [
        'if (usesHeap) counts.heapRequests++;',
        'if (usesHeap);',
        { tests: ['request/bounds.test.js'] },
      ],
      'the heap is waited for': ['if (request.mayLease) this.#leasing--;', 'this.#leasing--;'],
      'what began at the end of the stack is left': [
        '      pool.unfinished = request;\n',
        '',
        { tests: ['request/cut-off.test.js'] },
      ],
      'close() waits for nobody': [
        'this.#closing !== null && this.#leasing === 0',
        'this.#closing !== null',
      ],
      'close() waits for ever': ['this.#closing !== null && this.#leasing === 0', 'false'],
      'close() of an idle one waits for ever': [
        '      if (this.#leasing === 0) this.#finishClose();',
        '',
      ],
      'close() closes twice': ['if (this.#closing === null) {', 'if (true) {'],
      'close() leaves the timer': [
        '    time.clearInterval(this.#ticker);\n    this.pool',
        '    this.pool',
        { tests: ['request/long.test.js'] },
      ],
      'close() keeps the memory': ['    this.pool.close();\n', ''],
      'finished and aborted change places': [
        'if (finished) counts',
        'if (!finished) counts',
        { tests: abort },
      ],
      'learns from empty requests': [
        'if (allocated > 0) this',
        'if (true) this',
        { equivalent: 'the size learns nothing from 0 bytes' },
      ],
      'never learns': [
        'if (allocated > 0) this',
        'if (false) this',
        { tests: ['request/pooled.test.js'] },
      ],
      'learns of no crowd': ['this.inFlight + 1', '1', { tests: ['request/bounds.test.js'] }],
      'no timer': ['if (!this.#isTicking) this.#tick();', '', { tests: ['request/long.test.js'] }],
      'a timer for each': [
        'if (!this.#isTicking) this.#tick();',
        'this.#tick();',
        { tests: ['request/long.test.js'] },
      ],
      'the timer never ends': [
        'if (this.inFlight > 0) return;',
        'return;',
        { tests: ['request/long.test.js'] },
      ],
      'warns a tick early': ['BUCKETS = 3', 'BUCKETS = 2', { tests: ['request/long.test.js'] }],
      'warns a tick late': ['BUCKETS = 3', 'BUCKETS = 4', { tests: ['request/long.test.js'] }],
      'warns of what has ended': [
        'this.#buckets[request.bucket]--;',
        '',
        { tests: ['request/long.test.js'] },
      ],
      'quarantine is looked at always': [
        'if (!this.pool.mayHaveQuarantined) return false;',
        '',
        { equivalent: 'it spares a call to native code, no more' },
      ],
      'quarantine is never looked at': [
        'if (!this.pool.mayHaveQuarantined) return false;',
        'return false;',
        { tests: ['request/bounds.test.js'] },
      ],
      'quarantine is looked at for ever': [
        'if (quarantined === 0) this.pool.mayHaveQuarantined = false;',
        '',
        { equivalent: 'it spares a call to native code, no more' },
      ],
      'quarantine at its bound is too much': [
        'quarantined <= this',
        'quarantined < this',
        { tests: ['request/bounds.test.js'] },
      ],
      'high quarantine asks for no collection': [
        '    this.pool.collect();\n',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'high quarantine is not warned of': [
        "    warnOnce('RALLOC_QUARANTINE_HIGH', quarantined);\n",
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'a fallback is not warned of': [
        "warnOnce('RALLOC_HEAP_FALLBACK', why);",
        '',
        { tests: bounds },
      ],
      'late Buffers are not counted': [
        'this.#late.lateBuffers++;',
        '',
        { tests: ['request/late.test.js'] },
      ],
      'zeroed heap Buffers are not': [
        'zero ? Buffer.alloc(size)',
        'false ? Buffer.alloc(size)',
        { tests: ['request/bounds.test.js'] },
      ],
      'a context where none was asked for': ['if (this.settings.context) this', 'this'],
      'no context': ['if (this.settings.context) this', 'if (false) this'],
    },
  },
];
