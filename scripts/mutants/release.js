'use strict';

const NODE_20 = 'on Node 20, which frees nothing that Node-API made; the others kill it';

module.exports = [
  {
    file: 'memory/foreign.js',
    tests: ['node/release.test.js'],
    mutants: {
      'a part of an ArrayBuffer is released': [
        "bytes === ab.byteLength ? undefined : 'shared'",
        'undefined',
      ],
      'memory of arenas and slabs is released': [
        "if (ab[kHolder] !== undefined || ab[kMemory] === true) return 'ours';",
        '',
      ],
      'only guarded memory is known': [' || ab[kMemory] === true', ''],
    },
  },
  {
    file: 'node/release.js',
    tests: ['node/release.test.js'],
    mutants: {
      'a resizable ArrayBuffer is released': [
        "if (ab.resizable) return leave('bound', ab.byteLength);",
        '',
      ],
      'a view is believed': ['const ab = arrayBufferOf(buffer);', 'const { buffer: ab } = buffer;'],
    },
  },
  {
    file: 'memory/span.js',
    tests: ['node/release.test.js'],
    mutants: {
      'a renewed span is not told': [
        '} else renewed[kMemory] = true; // 3 to 10 ns',
        '}',
        { equivalent: NODE_20 },
      ],
      'a new span is not told': [
        'if (guard === undefined) shown[kMemory] = true;',
        '',
        { equivalent: NODE_20 },
      ],
    },
  },
];
