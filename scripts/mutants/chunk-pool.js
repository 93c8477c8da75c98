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
      'serves again in gc mode': ["return this.#safety !== 'gc'", 'return true'],
      'the first used is taken': [
        'let i = spans.length - 1; i >= 0; i--',
        'let i = 0; i < spans.length; i++',
      ],
      'too small spans are taken': ['span.size < need', 'false'],
      'stolen spans are taken': ['if (span.ab.byteLength !== 0) return span;', 'return span;'],
      'the other shape is not looked at': ['if (other !== undefined) return other;', ''],
      'warm bytes block another shape': [
        '      this.shrink();\n      leased',
        '      leased',
        { tests: ['arena/limit.test.js'] },
      ],
      'what is wanted is not asked for': ['Math.max(need, want)', 'need'],
      'lent bytes are not counted': ['this.leasedBytes += leased.byteLength;', '', { tests: idle }],
      'lost bytes stay counted': ['this.leasedBytes -= span.size;', ''],
      'gc mode detaches': ["this.#safety === 'gc' && span.used > 0", 'false'],
      'gc mode lets go of what nobody used': [
        "this.#safety === 'gc' && span.used > 0",
        "this.#safety === 'gc'",
      ],
      'a closed pool keeps what comes back': ['if (this.#closed) this', 'if (false) this'],
      'pieces count as chunks': ['else if (!span.isChunk) this.#cutSpans.push(span);', ''],
      'a stolen span is used again': [
        '    if (ab.byteLength === 0) {\n      this.retireStolen(span);\n      return false;\n    }\n',
        '',
      ],
      'no wipe': ['if (this.#wipe) fill', 'if (false) fill', { tests: ['arena/safety.test.js'] }],
      'wipe is one byte short': [
        'new FastBuffer(ab, 0, used)',
        'new FastBuffer(ab, 0, used - 1)',
        { tests: ['arena/safety.test.js'] },
      ],
      'the clean mark never moves': ['if (used > span.cleanFrom) span.cleanFrom = used;', ''],
      'the clean mark goes back': [
        'if (used > span.cleanFrom) span.cleanFrom = used;',
        'span.cleanFrom = used;',
      ],
      'recycle detaches': ["this.#safety !== 'recycle'", 'true'],
      'detach does not': [
        "this.#safety !== 'recycle'",
        'false',
        { tests: ['arena/safety.test.js'] },
      ],
      'untransferable memory is used again': [
        '        this.quarantine(span);\n        return false;\n      }\n    }\n    span.used = 0',
        '      }\n    }\n    span.used = 0',
        { tests: ['arena/theft.test.js'], env: { RALLOC_BACKEND: 'js' } },
      ],
      'quarantine is not told of': [
        'this.mayHaveQuarantined = true;',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'dirty bytes pass for clean': [
        'Math.max(span.used, span.cleanFrom), ab',
        '0, ab',
        { tests: ['arena/safety.test.js'] },
      ],
      'held bytes stay counted': [
        'if (span.held) this.#setHeld(span, false);',
        '',
        { tests: ['arena/hold-time.test.js'] },
      ],
      'held bytes are not counted': ['this.#heldBytes += held ? span.size : -span.size;', ''],
      'a released hold keeps its span': ['    this.release(span);\n', ''],
      'recycle gives back what is seen': [
        "this.#safety === 'recycle' || ab",
        'ab',
        { tests: ['arena/safety.test.js'] },
      ],
      'shrink() leaves chunks': [
        'for (const span of this.#chunkSpans.splice(0)) this',
        'for (const span of []) this',
      ],
      'shrink() leaves pieces': [
        'for (const span of this.#cutSpans.splice(0)) this',
        'for (const span of []) this',
      ],
      'idle times take what was asked to stay': [
        'if (this.#staysWarm) return false;',
        '',
        { tests: idle },
      ],
      'idle times leave the window': ['this.window.idleTick();', '', { tests: idle }],
      'idle pools keep all': [
        'if (this.#isIdle) this.shrink();\n    else for',
        'for',
        { tests: idle },
      ],
      'busy pools lose all': [
        'if (this.#isIdle) this.shrink();',
        'if (true) this.shrink();',
        { tests: idle },
      ],
      'busy pools keep what they do not need': [
        'this.#chunkSpans.splice(0, this.#fewestChunks)',
        '[]',
        { tests: idle },
      ],
      'busy pools lose what they need': [
        'this.#chunkSpans.splice(0, this.#fewestChunks)',
        'this.#chunkSpans.splice(0)',
        { tests: idle },
      ],
      'the fewest spares are not noted': [
        'if (this.#chunkSpans.length < this.#fewestChunks) this.#fewestChunks = this.#chunkSpans.length;',
        '',
        { tests: idle },
      ],
      'idle is never noted': ['    this.#isIdle = true;\n', '', { tests: idle }],
      'use is never noted': ['    this.#isIdle = false;\n', '', { tests: idle }],
      'ticks for ever': ['return this.leasedBytes > 0;', 'return true;', { tests: idle }],
      'ticks once': ['return this.leasedBytes > 0;', 'return false;', { tests: idle }],
      'is not watched': ['if (!this.#staysWarm) idle.watch(this);', '', { tests: idle }],
      'the depot is not watched': [
        '    idle.watchDepot();\n    const { ab, id, epoch }',
        '    const { ab, id, epoch }',
        { tests: idle },
      ],
      'counts go on in the next arena': [
        'this.#leases.restart();',
        '',
        { tests: ['memory/closed-pools.test.js'] },
      ],
    },
  },
  {
    file: 'memory/closed-pools.js',
    tests: ['memory/closed-pools.test.js'],
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
      'wiped or not': ['safety, wipe, ...memory', 'safety, ...memory'],
      'counts go on': ['  pool.restart();\n', ''],
    },
  },
];
