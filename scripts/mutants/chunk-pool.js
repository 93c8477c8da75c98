'use strict';

const idle = ['memory/idle-spans.test.js'];

module.exports = [
  {
    file: 'memory/chunk-pool.js',
    tests: ['memory/chunk-pool.test.js'],
    mutants: {
      'keeps every span': [
        'this.#isWorthKeeping(span, this)',
        'true',
        { tests: ['request/pooled.test.js'] },
      ],
      'keeps no span': [
        'this.#isWorthKeeping(span, this)',
        'false',
        { tests: ['request/pooled.test.js'] },
      ],
      'stolen spans are taken': ['if (span.ab.byteLength === 0) this.retireStolen(span);', ''],
      'the other shape is not looked at': ['const span = other?.();', 'const span = undefined;'],
      'any shape serves at the limit': [
        'this.#staysWarm ? Number.MAX_SAFE_INTEGER : Math.max(need, want)',
        'Number.MAX_SAFE_INTEGER',
      ],
      'few shapes serve at the limit where memory stays away': [
        'this.#staysWarm ? Number.MAX_SAFE_INTEGER : Math.max(need, want)',
        'Math.max(need, want)',
      ],
      'what is warm goes in vain': [
        ' && this.#leases.mayLeave(room, this.#warm)',
        '',
        { tests: ['arena/limit.test.js'] },
      ],
      'warm bytes block another shape': [
        'for (const span of spans) this.#endLease(span);',
        '',
        { tests: ['arena/limit.test.js'] },
      ],
      'adopted bytes are thought to make room': [
        ' - this.#adoptedBytes - need',
        ' - need',
        { tests: ['arena/adopt.test.js'] },
      ],
      'nothing is asked for at the limit': [
        'if (stats.quarantined > 0) this.collect();',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'a collection is asked for that cannot help': [
        'if (stats.quarantined > 0) this.collect();',
        'this.collect();',
        { tests: ['request/bounds.test.js'] },
      ],
      'what enters quarantine is not told': ['this.#gc.entered(span.size, this);', ''],
      'recycle detaches': [
        "    if (safety === 'recycle') {\n      span.isSeen = true;\n    } else if",
        '    if',
      ],
      'detach does not': [
        '} else if (!this.#leases.renew(span)) {',
        '} else if (false) {',
        { tests: ['arena/safety.test.js'] },
      ],
      'shrink() keeps what is warm': ['(this.#warm.takeAll())', '([])'],
      'busy pools keep what they do not need': [
        '(this.#warm.takeUnneeded())',
        '([])',
        { tests: idle },
      ],
      'busy pools lose what they need': [
        '(this.#warm.takeUnneeded())',
        '(this.#warm.takeAll())',
        { tests: idle },
      ],
      'gc mode detaches': ["(safety === 'gc' || (", '(false || ('],
      'gc mode lets go of what nobody used': ["used > 0 && (safety === 'gc'", "(safety === 'gc'"],
      'a closed pool keeps what comes back': ['if (this.#closed) this', 'if (false) this'],
      'a stolen span is used again': ['waits || ab.byteLength === 0', 'waits'],
      'no wipe': ['if (wipe) view', 'if (false) view', { tests: ['arena/safety.test.js'] }],
      'wipe is one byte short': [
        'view(ab, 0, used, true)',
        'view(ab, 0, used - 1, true)',
        { tests: ['arena/safety.test.js'] },
      ],
      'the clean mark never moves': ['if (used > span.cleanFrom) span.cleanFrom = used;', ''],
      'the clean mark goes back': [
        'if (used > span.cleanFrom) span.cleanFrom = used;',
        'span.cleanFrom = used;',
      ],
      'untransferable memory is used again': [
        '      this.quarantine(span, wipe);\n      return false;\n    }\n    span.used = 0',
        '    }\n    span.used = 0',
        { tests: ['arena/theft.test.js'], env: { RALLOC_BACKEND: 'js' } },
      ],
      'quarantine is not told of': [
        'this.mayHaveQuarantined = true;',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'dirty bytes pass for clean': [
        'wipe ? Math.max(span.used, span.cleanFrom) : 0',
        '0',
        { tests: ['arena/safety.test.js'] },
      ],
      'a released hold keeps its span': [
        '    if (span.state === WAITING) this.#leases.unhold(span);\n',
        '',
        { tests: ['memory/waiting.test.js'] },
      ],
      'what was cut off is not counted anew': [
        '    this.holders = this.#leases.recount();\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'held spans are told as in use': [
        'this.#warm.count - this.holders.spans',
        'this.#warm.count',
        { tests: ['mistakes/limits.test.js'] },
      ],
      'warm spans are told as in use': [
        'size - this.#warm.count',
        'size',
        { tests: ['mistakes/limits.test.js'] },
      ],
      'what was cut off stays so': [
        'if (this.pending !== 0 || this.unfinished !== null) this.settle();',
        '',
        { tests: ['arena/cut-off.test.js'] },
      ],
      'recycle gives back what is seen': [
        'const isLost = span.isSeen && !this.#leases.renew(span);',
        'const isLost = false;',
        { tests: ['arena/safety.test.js'] },
      ],
      'recycle leaves what it gives back to the collector': [
        'const isLost = span.isSeen && !this.#leases.renew(span);',
        'const isLost = span.isSeen;',
        { tests: ['arena/limit.test.js'] },
      ],
      'recycle gives back what nobody can detach': [
        'const isLost = span.isSeen && !this.#leases.renew(span);',
        'const isLost = false;\n    if (span.isSeen) this.#leases.renew(span);',
        { tests: ['arena/safety.test.js'], env: { RALLOC_BACKEND: 'js' } },
      ],
      'recycle gives back what operations have': [
        '    if (span.operations > 0) return this.waiting.add(span, this.#policy, null);\n',
        '',
        { tests: ['arena/safety.test.js'] },
      ],
      'idle times take what was asked to stay': [
        'if (this.#staysWarm) return this.#leases.measure(isLive);',
        '',
        { tests: idle },
      ],
      'idle times leave the window': ['this.window.idleTick();', '', { tests: idle }],
      'ticks for ever': [
        'return isShared || this.leasedBytes > 0;',
        'return true;',
        { tests: idle },
      ],
      'ticks once': ['return isShared || this.leasedBytes > 0;', 'return false;', { tests: idle }],
      'is not watched': [
        'if (!this.#staysWarm || this.#leases.budget.share !== null) idle.watch(this);',
        '',
        { tests: idle },
      ],
      'the depot is not watched': [
        '    idle.watchDepot();\n    // Operations on',
        '    // Operations on',
        { tests: idle },
      ],
      'counts go on in the next arena': [
        'this.#leases.restart();',
        '',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
    },
  },
  {
    file: 'memory/chunk-pool.js',
    tests: ['memory/waiting.test.js'],
    mutants: {
      'one class': ['size < 2 ** LAST ? LAST - Math.clz32(size) : LAST', '20'],
      'too small spans are taken': ['size >= need && ', ''],
      'evicted once': [
        "result.kind !== 'limit' || evicted.length === 0",
        'true',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
      'all is evicted': [
        'this.takeLargest(bytes)',
        'this.takeLargest(2 ** 50)',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
      'classes below are not looked at': [
        '      mask ^= 1 << index;\n    }',
        '      mask = 0;\n    }',
      ],
      'larger classes are looked at': [
        '(0xffffffff >>> (LAST - most))',
        '0xffffffff',
        { equivalent: 'it spares looks at what is too large' },
      ],
      'too large spans are taken': [' && size < limit', ''],
      'no larger class is looked at': ['classOf(limit - 1)', 'classOf(fitting)'],
      'the first used is taken': [
        'return this.#remove(index, i);',
        'return this.#remove(index, 0);',
      ],
      'the last used is not taken first': ['size >= want && size < 2', 'false && size < 2'],
      'the last used serves, too small or not': ['size >= want && ', ''],
      'the last used serves, too large or not': [
        'size >= want && size < 2 * fitting',
        'size >= want',
      ],
      'the last used is not missed': ['if (left < recent.fewest) recent.fewest = left;', ''],
      'a class is thought to have spans for ever': [
        'if (left === 0) this.#mask ^= recent.bit;',
        '',
      ],
      'the last used stays counted': ['        this.bytes -= size;\n', ''],
      'what was put last is not known': ['    this.#recent = one;\n', ''],
      'takeAll() leaves the last used': ['    this.#recent = NO_CLASS;\n    this', '    this'],
      'warm bytes do not go': ['    this.bytes -= span.size;\n', ''],
      'the fewest spares are not noted': [
        'if (spans.length < one.fewest) one.fewest = spans.length;',
        '',
      ],
      'the fewest never rise': ['      one.fewest = one.spans.length;\n', ''],
      'usual chunks serve what was wanted only': ['Math.max(least, USUAL)', 'least'],
      'large chunks serve all': ['Math.max(least, USUAL)', '2 ** 30'],
      'pieces serve all': [
        '#pieces.take(need, least, least)',
        '#pieces.take(need, least, 2 ** 30)',
      ],
      'pieces count as chunks': [
        'if (span.isChunk) {\n      if (this',
        'if (true) {\n      if (this',
      ],
      'pieces stay': [
        '[...this.#chunks.takeUnneeded(), ...this.#pieces.takeUnneeded()]',
        'this.#chunks.takeUnneeded()',
      ],
      'chunks stay': [
        '[...this.#chunks.takeUnneeded(), ...this.#pieces.takeUnneeded()]',
        'this.#pieces.takeUnneeded()',
      ],
      'shrink() leaves chunks': [
        '[...this.#chunks.takeAll(), ...this.#pieces.takeAll()]',
        'this.#pieces.takeAll()',
      ],
      'shrink() leaves pieces': [
        '[...this.#chunks.takeAll(), ...this.#pieces.takeAll()]',
        'this.#chunks.takeAll()',
      ],
    },
  },
  {
    file: 'memory/closed-pools.js',
    tests: ['memory/chunk-pool.test.js'],
    mutants: {
      'none is kept': ['kept.push(', 'void ('],
      'all are kept': ['if (kept.length > MOST) kept.shift().pool.close();', ''],
      'the oldest is forgotten open': ['kept.shift().pool.close();', 'kept.shift();'],
      'the youngest goes': ['kept.shift()', 'kept.pop()'],
      'seven are kept': ['MOST = 8', 'MOST = 7'],
      'any size is kept': [' || used > MOST_BYTES', ''],
      'less than 1 MiB is kept': ['MOST_BYTES = 1024 * 1024', 'MOST_BYTES = 1024 * 1023'],
      'held memory is kept': [' || used !== warm', ''],
      'kept where Buffers are alive': ["settings.safety !== 'detach' || ", ''],
      'kept warm for ever': ['  idle.watch(pool);', '  '],
      'the oldest is taken': ['findLastIndex', 'findIndex'],
      'one pool for two arenas': ['kept.splice(index, 1)', '[kept[index]]'],
      'of any kind of memory': [', ...memoryKey(memory)]', ']'],
      'of any limit': ['[maxBytes, chunkSize', '[chunkSize'],
      'of any chunk size': ['[maxBytes, chunkSize', '[maxBytes'],
      'wiped or not': ['safety, wipe, guard, ...memory', 'safety, guard, ...memory'],
      'counts go on': ['  pool.restart(settings);\n', ''],
    },
  },
];
