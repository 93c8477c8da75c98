'use strict';

module.exports = [
  {
    file: 'memory/native.js',
    tests: ['memory/backend.test.js'],
    mutants: {
      'Deno gets the binary': ['process.versions.deno !== undefined', 'false'],
      'a secret environment throws': [
        '  } catch {\n    return undefined;\n  }\n',
        '  } finally {\n  }\n',
      ],
      'a secret environment asks for the fallback': [
        '  } catch {\n    return undefined;\n  }\n',
        "  } catch {\n    return 'js';\n  }\n",
      ],
    },
  },
  {
    file: 'memory/fallback/move.js',
    tests: ['memory/move.test.js'],
    mutants: {
      'a detached ArrayBuffer lets its memory go': ['ab[heir] = moved;', ''],
      'memory is copied instead of moved': [
        'hasTransfer ? ab.transfer() : structuredClone(ab, { transfer: [ab] })',
        'ab.slice()',
      ],
      'a copy passes for the memory itself': [
        'hasTransfer ? ab.transfer() : structuredClone(ab, { transfer: [ab] });\n',
        'ab.slice();\n  return moved;\n',
      ],
      'Node 20 takes a copy for what was moved': ['ab.byteLength !== 0', 'false'],
    },
  },
];
