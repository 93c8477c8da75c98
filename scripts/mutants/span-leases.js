'use strict';

module.exports = [
  {
    file: 'memory/span.js',
    tests: ['memory/chunk-pool.test.js'],
    mutants: {
      'what is wanted is not asked for': [
        'const most = Math.max(need, Math.min(want, LONGEST / 2));',
        'const most = need;',
      ],
      'lent bytes are not counted': [
        '    this.bytes += size;\n',
        '',
        { tests: ['memory/idle-spans.test.js'] },
      ],
      'lost bytes stay counted': ['    this.bytes -= span.size;\n', ''],
      'held bytes stay counted': [
        '    if (span.state === WAITING) {\n      this.heldBytes -= span.size;\n',
        '    if (span.state === WAITING) {\n',
        { tests: ['arena/hold-time.test.js'] },
      ],
      'chunks are not counted': [
        '    if (span.isChunk) this.chunkBytes += size;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'ended chunks stay counted': [
        '    if (span.isChunk) this.chunkBytes -= span.size;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'a held span that ends stays counted': [
        '      span.pool.holders.spans--;\n      span',
        '      span',
        { tests: ['memory/audit.test.js'] },
      ],
      'operations of a held span that ends stay counted': [
        '      span.pool.holders.operations -= span.operations;\n    }',
        '    }',
        { tests: ['memory/audit.test.js'] },
      ],
      'operations from before a hold are not counted': [
        '    span.pool.holders.operations += span.operations;\n',
        '',
        { tests: ['memory/audit.test.js'] },
      ],
      'held bytes are not counted': ['    this.heldBytes += span.size;\n', ''],
      'the end of the stack counts as an untransferable ArrayBuffer': [
        '      if (error instanceof RangeError) throw error; // the stack ends here\n      return false',
        '      return false',
        { tests: ['arena/cut-off.test.js'] },
      ],
      'chunks in use do not last': [
        'return this.chunkBytes - warm.chunkBytes + this.quarantined() <= bytes;',
        'return this.quarantined() <= bytes;',
        { tests: ['arena/limit.test.js'] },
      ],
      'pieces in use do not last': [
        '    if (this.bytes - warm.bytes > bytes) return false;\n',
        '',
        { tests: ['arena/limit.test.js'] },
      ],
      'what is warm lasts': [
        'this.bytes - warm.bytes > bytes',
        'this.bytes > bytes',
        { tests: ['arena/limit.test.js'] },
      ],
      'warm chunks last beside quarantine': [
        'this.chunkBytes - warm.chunkBytes + ',
        'this.chunkBytes + ',
        { tests: ['arena/limit.test.js'] },
      ],
      'quarantine does not last': [
        ' + this.quarantined() <= bytes;',
        ' <= bytes;',
        { tests: ['arena/limit.test.js'] },
      ],
      'what Node-API made and was cut off stays as it is': [
        '      else if (span.state === RAW) this.#show(span, span.pool.isGuarded);\n',
        '',
        { tests: ['arena/cut-off.test.js'] },
      ],
    },
  },
];
