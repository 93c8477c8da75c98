'use strict';

module.exports = [
  {
    file: 'base/time.js',
    tests: ['base/time.test.js'],
    mutants: {
      'the clock of the moment': [
        'if (own !== undefined) return ownNow.call(own);',
        'if (own !== undefined) return globalThis.performance.now();',
      ],
      'a clock that was a fake before': ['if (own !== undefined) return ownNow.call(own);', ''],
      'nextTick of the moment': [
        '  nextTick,\n',
        '  nextTick: (...args) => process.nextTick(...args),\n',
      ],
      'timers of the globals': ["} = require('node:timers');", '} = globalThis;'],
      'outside is in the context of who asks': ['nextTick(runOutside, work)', 'nextTick(work)'],
      'outside is at once': ['nextTick(runOutside, work)', 'runOutside(work)'],
    },
  },
  {
    file: 'base/lazy.js',
    tests: ['base/lazy.test.js'],
    mutants: {
      'what was cut off stays half made': ['if (before !== null) {', 'if (false) {'],
      'each time anew': ['if (made === undefined) {', '{'],
      'what was dropped is loaded into another copy': ['if (!isDropped()) return', 'return'],
      'a copy stays in the place of another': ['put(others);', ''],
      'what has not begun to load is not seen': ['one?.filename ?? one?.id', 'one?.filename'],
      'of a copy that was dropped no child is found': [
        'if (isOurs(fileOf(child))) found.add(child);',
        '',
      ],
      'what takes no module is not seen': [
        'if (known.size === 0 || takesModules()) return false;',
        'return false;',
      ],
      'all is taken for cut off': ['if (!before.includes(file)) delete', 'delete'],
    },
  },
  {
    file: 'base/warnings.js',
    tests: ['base/warnings.test.js'],
    mutants: {
      'every time': ['if (before.has(cause)) return;', ''],
      never: ['if (before.has(cause)) return;', 'return;'],
      'not noted': ['  before.add(cause);\n', ''],
      'by the code alone': ['cause = code) {', '_cause, cause = code) {'],
      'without a code': ["{ type: 'RallocWarning', code }", "{ type: 'RallocWarning' }"],
      'without a type': ["{ type: 'RallocWarning', code }", '{ code }'],
    },
  },
  {
    file: 'base/validate.js',
    tests: ['base/validate.test.js'],
    mutants: {
      'integers: below the least': ['value < min || ', ''],
      'integers: the least is not one': ['value < min', 'value <= min'],
      'integers: above the most': [' || value > max', ''],
      'integers: the most is not one': ['value > max', 'value >= max'],
      'integers: unsafe': ['!Number.isSafeInteger(value) || ', ''],
      'integers: strings': ["if (typeof value !== 'number') throw", 'if (false) throw'],
      'booleans: anything': ["typeof value !== 'boolean'", 'false'],
      'strings: anything': [
        "if (typeof value !== 'string') throw typeError(name, 'of type string', value);\n  return value;",
        'return value;',
      ],
      'functions: anything': ["typeof value !== 'function'", 'false'],
      'words: anything': ['!allowed.includes(value)', 'false'],
      'powers: any number': ['!Number.isInteger(Math.log2(value))', 'false'],
      'powers: of any size': ['  integer(value, name, min, max);\n  if', '  if'],
      'options: null': ['object === null || ', ''],
      'options: no object': ["typeof object !== 'object' || ", ''],
      'options: a list': [' || Array.isArray(object)', ''],
      'options: unknown ones': ['!Object.hasOwn(readers, key)', 'false'],
      'options: those of the prototype': ['!Object.hasOwn(readers, key)', '!(key in readers)'],
      'options: undefined ones are read': ['if (value !== undefined) checked', 'checked'],
      'options: unchecked': ['checked[key] = readers[key](', 'checked[key] = ((one) => one)('],
      'nearest: the farthest': ['edits(a) - edits(b)', 'edits(b) - edits(a)'],
      'nearest: any distance': ['edits(name) <= MOST_EDITS', 'true'],
      'nearest: one edit': ['MOST_EDITS = 2', 'MOST_EDITS = 1'],
      'nearest: case counts': ['const lower = name.toLowerCase();', 'const lower = name;'],
      'nearest: beginnings of any length': ['a.length >= LEAST_BEGINNING && ', ''],
      'nearest: the only option is a list': ['if (all.length === 1)', 'if (false)'],
      'nearest: without the object': ["inside === '' ? one", 'true ? one'],
    },
  },
];
