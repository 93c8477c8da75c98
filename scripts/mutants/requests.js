'use strict';

const bounds = ['request/bounds.test.js'];
const abort = ['request/abort.test.js'];

const long = ['request/long.test.js'];
const mounting = ['mistakes/mounting.test.js'];

module.exports = [
  {
    file: 'request/requests.js',
    tests: long,
    mutants: {
      'a tick early': ['this.#now - this.#ticks - 1', 'this.#now - this.#ticks'],
      'a tick late': ['this.#now - this.#ticks - 1', 'this.#now - this.#ticks - 2'],
      'the first one alone': ['request.since < since', 'false'],
      'one of a tick alone': [
        'while (request !== null && request.since === since)',
        'if (request !== null && request.since === since)',
      ],
      'who has reset too': ['if (request.keepsAll) tell', 'tell'],
      'who is over stays the first': [
        'if (older === null) this.#first = newer;',
        'if (older === null);',
      ],
      'who is over stays the last': [
        'if (newer === null) this.#last = older;',
        'if (newer === null);',
      ],
    },
  },
  {
    file: 'request/messages.js',
    tests: mounting,
    mutants: {
      'any request': ['isObject(req) && isEmitter(res)', 'isEmitter(res)'],
      'any response': ['isObject(req) && isEmitter(res)', 'isObject(req)'],
      'the other way round': ['!ends(req) || ends(res)', 'true'],
      'no hint': ['  error.message += hint(of);\n', ''],
      'a hook of promises is no middleware': [" && where === ''", ''],
      'a listener is no middleware': ['!hasNext && !isEmitter(req)', '!hasNext'],
      'a middleware with next is none': [
        '!hasNext && !isEmitter',
        '!isEmitter',
        { equivalent: 'whatever else it has, a request of a framework that is known tells' },
      ],
    },
  },
  {
    file: 'request/request.js',
    tests: bounds,
    mutants: {
      'ends twice': [
        'if (this.isOver) return;',
        '',
        { equivalent: 'the watch of its response ends it once' },
      ],
      'no limit on the heap': ['if (size > this.#left()) throw this.limitError(size);', ''],
      'a context of what is over has its arena': [
        'this.isOver ? undefined : this.arena',
        'this.arena',
        { tests: ['request/context.test.js'] },
      ],
      'long requests are not known': [
        'if (this.since < 0) this',
        'if (false) this',
        { tests: long },
      ],
      'each span makes a request young': ['if (this.since < 0) this', 'this', { tests: long }],
      'windows are not charged': ['    this.budget.forceChunk(count);\n', ''],
      'after the end there is no limit': [
        'if (size > this.#left()) throw',
        'if (!this.isOver && size > this.#left()) throw',
        { tests: ['mistakes/budgets.test.js'] },
      ],
      'windows take all of the room': [
        'Math.max(need, Math.min(want, ahead, this.room))',
        'Math.max(need, Math.min(want, this.room))',
        { tests: ['request/room.test.js'] },
      ],
      'windows are not discharged': ['    this.ownBudget.dischargeChunk(count);\n', ''],
      'the heap serves one allocation only': [
        '      this.isOnHeap = true; // first, because a listener may allocate\n',
        '',
      ],
      'the guard came in time for all': [
        'this.isUnguarded = this.arenas.guardRest() !== this.late;',
        'this.arenas.guardRest();',
        { tests: ['node/guard/install.test.js'] },
      ],
      'a fallback is not counted': ['      this.arenas.countFallback(refusal);\n', ''],
      'no refusal means the heap': ['    return onHeap;', '    return false;'],
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
      'leases after close()': ['this.#closing !== null || (mayBeOver', '(mayBeOver'],
      'leases over the quarantine': [
        ' || (mayBeOver && this.#overQuarantine(pool))',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'heap requests are not counted': [
        'if (isCounted) counts.heapRequests++;',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'the heap is waited for': ['if (request.mayLease) this.#leasing--;', 'this.#leasing--;'],
      'what began at the end of the stack is left': [
        '      this.unfinished = request;\n',
        '',
        { tests: ['request/cut-off.test.js'] },
      ],
      'over before a call that can be cut off': [
        '    if (request.since >= 0) this.#long.remove(request);\n    request.isOver = true;\n',
        '    request.isOver = true;\n    if (request.since >= 0) this.#long.remove(request);\n',
        { equivalent: 'what releases its memory before needs more of the stack' },
      ],
      'counted before a call that can be cut off': [
        '      Tenant === null ? new Request(this, usesHeap, late) : new Tenant(this, usesHeap, late);\n    // Any call can overflow the stack. So here and in ended() all counts change between two calls.\n    counts.requests++;\n',
        '      (counts.requests++, new Request(this, usesHeap, late));\n',
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
        '    time.clearInterval(this.#ticker);\n    leave',
        '    leave',
        { tests: long },
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
      'no timer': ['if (!this.#isTicking) this.#tick();', '', { tests: long }],
      'a timer for each': ['if (!this.#isTicking) this.#tick();', 'this.#tick();', { tests: long }],
      'the timer never ends': ['if (this.inFlight > 0) return;', 'return;', { tests: long }],
      'other options than the first are not told of': [
        "warnOnce('RALLOC_OPTIONS_IGNORED', ignored, this);",
        ';',
        { tests: mounting },
      ],
      'a router that is mounted twice is told of': [
        'ignored.length > 0 && ownerOf(arena)?.arenas !== this',
        'ignored.length > 0',
        { tests: mounting },
      ],
      'close() leaves what was cut off': [
        'if (this.#closing === null) {\n      this.settleCutOff();\n',
        'if (this.#closing === null) {\n',
        { tests: ['request/cut-off.test.js'] },
      ],
      'quarantine is looked at always': [
        'pool?.mayHaveQuarantined === true',
        'pool !== null',
        { equivalent: 'it spares a call to native code, no more' },
      ],
      'quarantine is never looked at': [
        'pool?.mayHaveQuarantined === true',
        'false',
        { tests: ['request/bounds.test.js'] },
      ],
      'quarantine is looked at for ever': [
        'if (quarantined === 0) pool.mayHaveQuarantined = false;',
        '',
        { equivalent: 'it spares a call to native code, no more' },
      ],
      'quarantine at its bound is too much': [
        'quarantined <= this',
        'quarantined < this',
        { tests: ['request/bounds.test.js'] },
      ],
      'high quarantine asks for no collection': [
        '    this.#pool.collect();\n',
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
      'trimmed though it is not wanted': [
        'if (this.settings.trim) watchRest',
        'watchRest',
        { tests: ['memory/malloc-trim.test.js'] },
      ],
      'never trimmed': [
        'resting().watch()',
        '(() => {})()',
        { tests: ['memory/malloc-trim.test.js'] },
      ],
      'trimmed with requests in flight': [
        'if (this.inFlight > 0) return;',
        '',
        { tests: ['memory/malloc-trim.test.js'] },
      ],
      'a context where none was asked for': ['if (!this.hasContext) return;', ''],
      'no context': ['if (!this.hasContext) return;', 'return;'],
      'nobody finds its contexts': [
        '    watch(this.#storage);\n',
        '',
        { tests: ['request/context.test.js'] },
      ],
      'a context keeps its request': [
        '    if (request.context !== null) request.context.arena = undefined;\n',
        '',
        { tests: ['request/context.test.js'] },
      ],
      'a middleware that is closed is asked': [
        '    leave(this.#storage);\n',
        '',
        { tests: ['request/context.test.js'] },
      ],
    },
  },
];
