'use strict';

module.exports = [
  {
    file: 'memory/waiting.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      'nothing expires': ['    this.#watch(this.#dueOf(span, now));\n', ''],
      'the program waits for the timer': ['    timer.unref?.();\n', ''],
      'each span sets a timer': ['    if (this.#timer !== null) return;\n    const', '    const'],
      'expires too early': ['if (due > now) {', 'if (false) {'],
      'expires a whole time later': ['this.#watch(next);', 'this.#watch(now + this.holdMs);'],
      'expires once': ['    if (this.#since.size > 0) this.#watch(next);\n', ''],
      'what has waited too long is detached': [
        'pool.quarantine(span, span.policy.wipe);',
        'span.operations = 0;\n        pool.release(span);',
      ],
      'expired memory of holds is used again': [
        'pool.quarantine(span, span.policy.wipe);',
        'pool.release(span);',
        { tests: ['arena/hold-time.test.js'] },
      ],
      'each span has the time of holds for itself': [
        'Math.min(since, ...openOf(claims).map((holds) => holds.since))',
        'since',
        { tests: ['arena/hold-time.test.js'] },
      ],
      'expired holds are not counted': [
        '    for (const { count } of told) this.expired.holds += count;\n',
        '',
        { tests: ['arena/hold-time.test.js'] },
      ],
      'released holds are warned of': [
        'if (count > 0) holds.tellExpired(count);',
        'holds.tellExpired(count);',
        { tests: ['arena/hold-time.test.js'] },
      ],
      'the timer outlives what waited': [
        '    time.clearTimeout(this.#timer);\n    this',
        '    this',
      ],
      'what was cut off waits for its time': [
        'for (const span of this.#since.keys()) this.#settle(span);',
        '',
        { tests: ['arena/cut-off.test.js'] },
      ],
      'one claim of two is enough': ['      if (isClaimed(span, span.claims)) return;\n', ''],
    },
  },
  {
    file: 'memory/span.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      'holds do not claim': [
        ' || claims?.some(isOpen) === true',
        '',
        { tests: ['arena/hold.test.js'] },
      ],
      'the first operation that ends frees the span': [
        'if (this.operations > 0 || this',
        'if (this',
        { equivalent: 'who settles asks whether the span is claimed' },
      ],
      'an operation that ends twice ends another': [
        '    if (this.operations === 0) return; // called twice\n',
        '',
      ],
      'dead Buffers are taken': [
        'if (view.byteLength === 0 && view.buffer.byteLength === 0)\n      throw',
        'if (false) throw',
      ],
      'views of no bytes are dead': [' && view.buffer.byteLength === 0', ''],
      'operations that begin on held spans are not counted': [
        '    if (this.state === WAITING && this.adopted === null) this.pool.holders.operations++;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'operations that end on held spans stay counted': [
        '    if (this.state === WAITING && this.adopted === null) pool.holders.operations--;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'what was cut off is not pending': [
        '    pool.pending++; // if this',
        '    pool.pending = 1; // if this',
        { equivalent: 'to be settled is all that it says' },
      ],
    },
  },
  {
    file: 'memory/span.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      'how it died is not said': [
        '      ended.death = span.death;\n',
        '',
        { tests: ['mistakes/dead.test.js'] },
      ],
      'a span is marked once': ['      renewed[kHolder] = guard;\n', ''],
      'a span is marked by its first reset': [
        '    span.guard = guard;\n    span.ab',
        '    span.ab',
      ],
      'the mark of another pool stays': [
        'guard !== undefined || shown[kHolder] !== undefined',
        'guard !== undefined',
        { env: { RALLOC_BACKEND: 'js' } },
      ],
    },
  },
  {
    file: 'arena/window.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      'a reset in place does not wait': ['    if (span.operations > 0) return false;\n', ''],
    },
  },
  {
    file: 'memory/chunk-pool.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      'operations do not keep their span': [
        '    if (isClaimed(span, claims)) return this.waiting.add(span, policy, claims);\n',
        '',
      ],
      'the next arena has what the last one counted': [
        'if (this.isGuarded) this.guarded = new Guarded();',
        '',
      ],
    },
  },
  {
    file: 'memory/chunk-pool.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      "memory that waits is nobody's": [
        'if (span.adopted === null) this.#leases.hold(span);',
        'if (span.adopted === null) span.state = WAITING;',
      ],
    },
  },
];
