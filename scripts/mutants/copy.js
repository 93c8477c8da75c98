'use strict';

const windows = ['arena/window.test.js'];
const dead = ['mistakes/dead.test.js'];
const filled = ['mistakes/buffer-arguments.test.js'];

module.exports = [
  {
    file: 'arena/copy.js',
    tests: dead,
    mutants: {
      'from: dead Buffers are empty': [
        "  if (size === 0) checkAlive(bufferOf.call(bytes), 'value', bytes);\n",
        '',
      ],
      'from: freed Buffers are read': [
        "  else checkOwned(bytes, 'value');\n",
        '',
        { tests: ['base/freed.test.js'] },
      ],
      'concat: freed Buffers are read': [
        "else checkOwned(part, 'list', i);",
        '',
        { tests: ['base/freed.test.js'] },
      ],
      'copyOut: freed Buffers are read': [
        "  checkOwned(view, 'buffer');\n",
        '',
        { tests: ['base/freed.test.js'] },
      ],
      'from: dead ArrayBuffers are empty': ["  checkAlive(ab, 'value');\n", ''],
      'from: dead typed arrays are empty': [
        "  if (ArrayBuffer.isView(value)) checkAlive(arrayBufferOf(value), 'value', value);\n",
        '',
      ],
      'concat: dead Buffers are empty': ['if (bytes === 0) checkAlive(', 'if (false) checkAlive('],
      'copyOut: dead Buffers are empty': ["  checkAlive(ab, 'buffer', view);\n", ''],
      'from: any offset': [
        "  check.integer(offset, 'byteOffset', 0, size);\n",
        '',
        { tests: filled },
      ],
      'from: any length': [
        "  if (length !== undefined) check.integer(length, 'length', 0, size - offset);\n",
        '',
        { tests: filled },
      ],
    },
  },
  {
    file: 'arena/typed-array.js',
    tests: windows,
    mutants: {
      'a failed array moves the cursor': [
        '    if (window.ab === ab) window.cursor = cursor;\n',
        '',
      ],
      'arrays lie anywhere': [
        'window.cursor += -cursor & (align - 1);',
        '',
        { tests: ['arena/copy.test.js'] },
      ],
      'arrays lie at any byte': [
        'if (buffer.byteOffset % width !== 0) return new Type(length);',
        '',
        { equivalent: 'Buffer.alloc never cuts from the pool of Node' },
      ],
    },
  },
];
