'use strict';

module.exports = [
  {
    file: 'request/tune.js',
    tests: ['request/tune.test.js'],
    mutants: {
      'a version too early': ['number < 1306', 'number < 1305'],
      'a version too late': ['number < 1306', 'number <= 1306'],
      'the default a version too early': ['number >= 1408', 'number >= 1407'],
      'the default a version too late': ['number >= 1408', 'number > 1408'],
      'programs that are not Node': ['\\..*-node\\./', '/'],
      'Bun, which calls itself Node': ['bun === undefined ? ', 'true ? '],
      'the first word counts': ['words.findLast(isOf)', 'words.find(isOf)'],
      'a part of a word counts': [' && /^--?(?:no-?)?$/.test(word.slice(0, -flag.length))', ''],
      'what is underlined is another word': [".map((word) => word.replaceAll('_', '-'))", ''],
      'the command line does not count': ['if (given(FLAG) !== undefined)', 'if (false)'],
      'the flag is set where V8 is frozen': ["if (given(FREEZE)) return 'frozen';\n", ''],
      'who is thawed again is frozen': ['!/^--?no/.test(last)', 'true'],
      'Workers tune': ["isMainThread ? undefined : 'worker-thread'", 'undefined'],
      'Workers run on': ["if (mayHaveWorkers()) return 'workers';\n", ''],
      'the main thread is one of them': ['(id) => id !==', '(id) => 0 !=='],
      'no list of threads is none': ['    return true;\n  }\n}', '    return false;\n  }\n}'],
      'any thread that begins so': ['/^(?:node-)?(?:V8', '/(?:node-)?(?:V8'],
      'any thread that ends so': ['libuv-worker)$/', 'libuv-worker)/'],
      'what V8 does not know is set': ["=== before ? 'unchanged' : 'set'", "=== 0 ? 'set' : 'set'"],
      'it is set at each server': ["if (state !== 'waiting') return;", ''],
      'each mount asks anew': ['if (state !== null) return;', 'if (false) return;'],
    },
  },
];
