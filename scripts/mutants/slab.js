'use strict';

const guards = ['slab/guard.test.js'];

module.exports = [
  {
    file: 'slab/core.js',
    tests: ['slab/magazine.test.js'],
    mutants: {
      'promotions are not counted': [
        'if (pool !== first) first.promotions++;',
        '',
        { tests: ['slab/slab.test.js'] },
      ],
      'promotions are counted for the larger pool': [
        'if (pool !== first) first.promotions++;',
        'if (pool !== first) pool.promotions++;',
        { tests: ['slab/slab.test.js'] },
      ],
      'tryAlloc() exhaustions are not counted': [
        '    this.#countExhausted(pool, size);\n    return null;',
        '    return null;',
        { tests: ['slab/slab.test.js'] },
      ],
      'growing slabs are never trimmed': [
        'const bytes = grows',
        'const bytes = false',
        { tests: ['slab/growth.test.js'] },
      ],
      'the timer stops at the first quiet tick': ['(grows ? 6 + idleMs / 1000 : 2)', '1'],
      'the timer never stops': ['this.#quietTicks = busy ? 0 : this.#quietTicks + 1;', ''],
      'busy slabs stop their timer': [
        'this.#quietTicks = busy ? 0 : this.#quietTicks + 1;',
        'this.#quietTicks++;',
      ],
      'a shared slab starts no timer': [
        'if (!(this.isShared || grows)) return;',
        'if (!grows) return;',
        { tests: ['slab/sharing.test.js', 'slab/workers.test.js'] },
      ],
      'a token is spent before its memory is looked at': [
        '    this.#checkVisible(token);\n    this.call(method, token, this.#received);',
        '    this.call(method, token, this.#received);\n    this.#checkVisible(token);',
        { tests: ['slab/tokens.test.js', 'slab/close.test.js'] },
      ],
      'close() does not ask for Buffers in use': [
        'if (held > 0 && !force) {',
        'if (false) {',
        { tests: ['slab/close.test.js'] },
      ],
      'close() leaves the memory reserved': [
        'this.leased?.close();',
        '',
        { tests: ['slab/close.test.js', 'slab/tokens.test.js'] },
      ],
      'close() gives the memory back under operations': [
        'if (this.#isInUse || this.pools',
        'if (this.pools',
        { tests: guards },
      ],
      'close() in flight keeps what is cached': [
        'if (this.#isInUse) for (const pool of this.pools) pool.flush(pool.top);',
        '',
        { tests: guards },
      ],
      'what an end was cut off with waits for ever': [
        '    if (this.over !== null) finishClaims(this);\n',
        '',
        { tests: guards },
      ],
    },
  },
  {
    file: 'slab/lease.js',
    tests: ['slab/private.test.js'],
    mutants: {
      'a slab that the system does not let share is not made': [
        "if (failure === null || failure.kind === 'limit') return failure;",
        "if (failure?.kind !== 'unsupported') return failure;",
      ],
    },
  },
  {
    file: 'slab/slab.js',
    tests: ['slab/slab.test.js'],
    mutants: {
      'revoke() receives': [
        "this.#awake().receive('revoke', token)",
        "this.#awake().receive('receive', token)",
        { tests: ['slab/tokens.test.js'] },
      ],
      'use() does not see a view that begins before': [
        'value.byteOffset + value.byteLength > byteOffset',
        'value.byteOffset >= byteOffset',
      ],
      'use() frees what was freed': ['if (core.isHeld(buffer)) core', 'core'],
    },
  },
  {
    file: 'slab/buffer.js',
    tests: ['slab/free.test.js'],
    mutants: {
      'a Buffer of another slab is freed': [
        'buffer.#state !== HELD || pool.core !== core || top',
        'buffer.#state !== HELD || top',
      ],
      'a double free is not seen': [
        'buffer.#state !== HELD || pool.core !== core || top',
        'pool.core !== core || top',
      ],
      'a free does not look at the capacity': [
        ' || top >= pool.capacity) {',
        ') {',
        { tests: ['slab/magazine.test.js'] },
      ],
      'checked hands out Buffers over transferred memory': [
        'const slot = this.stack[top];\n      const ab = this.segments[slot >>> this.shift];\n      if (ab.byteLength === 0) return null;',
        'const slot = this.stack[top];\n      const ab = this.segments[slot >>> this.shift];',
        { tests: ['slab/close.test.js'] },
      ],
      'recycle hands out a Buffer of the length before': [
        'if (buffer.length !== size) return this.#resized(top, size, zero);',
        'if (buffer.length < size) return this.#resized(top, size, zero);',
        { tests: ['slab/slab.test.js'] },
      ],
      'recycle makes a new Buffer each time': [
        'if (buffer.length !== size) return',
        'return',
        { tests: ['slab/slab.test.js'] },
      ],
      'a sent Buffer can be sent again': ['      buffer.#state = SENT;\n', ''],
      'a slot leaves the stack before its Buffer is there': [
        '      const buffer = new SlabBuffer(ab, start, size, this, slot, HELD);\n      if (zero) fill.call(buffer, 0);\n      this.top = top;\n      return buffer;\n    }\n\n    push(buffer, top) {\n      this.stack[top] = buffer.#slot;',
        '      this.top = top;\n      const buffer = new SlabBuffer(ab, start, size, this, slot, HELD);\n      if (zero) fill.call(buffer, 0);\n      return buffer;\n    }\n\n    push(buffer, top) {\n      this.stack[top] = buffer.#slot;',
        { tests: ['slab/cut-off.test.js'] },
      ],
      'a full cache takes the Buffer': [
        'if (pool.limit > 0) {',
        'if (true) {',
        { tests: ['slab/sharing.test.js', 'slab/magazine.test.js'] },
      ],
      'a sent slot stays claimed': [
        '      pool.claimed--;\n      buffer.#state = SENT;',
        '      buffer.#state = SENT;',
        { tests: ['slab/slab.test.js'] },
      ],
      'a free in flight gives the slot back': [
        '  if (wait(buffer, pool)) return;\n',
        '',
        { tests: ['slab/guard.test.js'] },
      ],
      'what waits is given back twice': [
        '  if (stateOf(buffer) !== IN_FLIGHT) return;\n',
        '',
        { tests: ['slab/cut-off.test.js'] },
      ],
      'a slot that was given back still counts as in flight': [
        '  pool.inFlight--;\n',
        '',
        { tests: ['slab/guard.test.js'] },
      ],
      'a slot that is given back does not look at the limit': [
        '  const pool = poolOf(buffer);\n  if (pool.top >= pool.limit) pool.flushExcess(1);\n  giveBack(buffer, pool);\n  pool.inFlight--;',
        '  const pool = poolOf(buffer);\n  giveBack(buffer, pool);\n  pool.inFlight--;',
        { tests: guards },
      ],
      'what was freed in flight is stuck': [
        '      pool.forget(slot);\n      pool.inFlight++;',
        '      pool.inFlight++;',
        { tests: guards },
      ],
    },
  },
  {
    file: 'slab/buffer.js',
    tests: ['slab/free.test.js'],
    mutants: {
      'a Buffer in flight is sent': [
        '  if (isInFlight(buffer, poolOf(buffer))) throw errors.isInFlight();\n',
        '',
        { tests: guards },
      ],
      'a Buffer that was sent is not dead': [
        "return state === SENT ? 'sent' : undefined;",
        'return undefined;',
        { tests: guards },
      ],
      'a Buffer that was freed in flight is dead to its own stream': [
        "if (state === FREED) return 'freed';",
        "if (state === FREED || state === IN_FLIGHT) return 'freed';",
        { tests: ['slab/guard.test.js'] },
      ],
      'a refused free is not counted by the pool': ['  pool.refused++;\n', ''],
      'Symbol.dispose of a closed slab throws': [
        'poolOf(value).core === core && core.isLive;',
        'poolOf(value).core === core;',
        { tests: ['slab/slab.test.js'] },
      ],
    },
  },
  {
    file: 'slab/stats.js',
    tests: ['slab/free.test.js'],
    mutants: {
      'stats() do not sum refused frees of no pool': ['  sums.refused += core.refused;\n', ''],
      'stats() do not purge': ['  pool.purgeStolen();\n', '', { tests: ['slab/close.test.js'] }],
    },
  },
  {
    file: 'slab/stuck.js',
    tests: ['slab/free.test.js'],
    mutants: {
      'cached slots count as stuck': [' || cached.has(slot)', ''],
      'received slots are never stuck': [
        'super.prepare(slot);\n      this.#since[slot] = this.now;',
        'super.prepare(slot);',
      ],
      'slots that were sent stay timed': ['this.#since[slot] = 0;', ''],
      'stuck Buffers are warned of a tick too early': [
        'warnAfterMs * (1 + 1 / TICKS)',
        'warnAfterMs * (1 - 1 / TICKS)',
      ],
    },
  },
];
