'use strict';

const missing = ['memory/backend.test.js'];

module.exports = [
  {
    file: 'base/environment.js',
    tests: ['memory/backend.test.js', 'debug/settings.test.js'],
    mutants: {
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
    file: 'memory/native.js',
    tests: ['memory/backend.test.js'],
    mutants: {
      'Deno gets the binary': ['process.versions.deno !== undefined', 'false'],
      'an unknown backend is ignored in silence': ['!BACKENDS.includes(wanted)', 'false'],
      'the first binary that fails ends the search': [
        'if (!isNotFound(error)) failures.push(error);',
        'throw error;',
        { tests: missing },
      ],
      'a binary is loaded unseen': [
        'isLinux ? faultOf(file) : undefined',
        'undefined',
        { tests: missing },
      ],
    },
  },
  {
    file: 'memory/platform.js',
    tests: missing,
    mutants: {
      'on musl the binary for glibc is asked for': ["libc === 'musl' ? 'musl' : 'gnu'", "'gnu'"],
    },
  },
  {
    file: 'memory/missing-binary.js',
    tests: missing,
    mutants: {
      'a command for a package that there is not': [
        '  if (!isPublished(libc)) return undefined;\n',
        '',
      ],
      'a build is advised inside node_modules': [
        '/[\\\\/]node_modules[\\\\/]/.test(HERE)',
        'false',
      ],
      'the package for the other C library is not named': ['isInstalled(other)', 'false'],
    },
  },
  {
    file: 'memory/package-manager.js',
    tests: missing,
    mutants: {
      'npm is taken for what installed ralloc': ['left === undefined ? NPM : LEFT[left]', 'NPM'],
      "Yarn's Plug'n'Play is not seen": ['process.versions.pnp !== undefined', 'false'],
    },
  },
  {
    file: 'memory/binary-file.js',
    tests: missing,
    mutants: {
      'a file that was cut off is loaded': ['size < end', 'false'],
      'a binary for another machine is loaded': ['machine !== process.arch', 'false'],
    },
  },
  {
    file: 'memory/fallback/move.js',
    tests: ['memory/fallback.test.js'],
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
