'use strict';

const settings = ['debug/settings.test.js'];
const trace = ['debug/trace.test.js'];
const maps = ['debug/maps.test.js'];
const report = ['debug/report.test.js'];

module.exports = [
  {
    file: 'debug/settings.js',
    tests: settings,
    mutants: {
      'nothing is sampled unasked': ["=== 'development' ? 'sample'", "=== 'none' ? 'sample'"],
      'all but production is sampled': [
        "=== 'development' ? 'sample' : 'off'",
        "!== 'production' ? 'sample' : 'off'",
      ],
      'any word will do': ['if (Object.hasOwn(WORDS, word)) return', 'return'],
      'words of the prototype': ['Object.hasOwn(WORDS, word)', 'word in WORDS'],
      '1 means off': ["  1: 'full',", "  1: 'off',"],
      'false means full': ["  false: 'off',", "  false: 'full',"],
      'empty means full': ["  '': 'off',", "  '': 'full',"],
      'any level': ['check.oneOf(value, name, LEVELS)', 'check.string(value, name)'],
      'one of none': [
        'check.integer(value, name, 1, MOST_EVERY)',
        'check.integer(value, name, 0, MOST_EVERY)',
      ],
      'one of any': [
        'check.integer(value, name, 1, MOST_EVERY)',
        'check.integer(value, name, 1, MOST_EVERY * 2)',
      ],
      'no frames': [
        'check.integer(value, name, 1, MOST_DEPTH)',
        'check.integer(value, name, 0, MOST_DEPTH)',
      ],
      'more frames': ['const MOST_DEPTH = 64;', 'const MOST_DEPTH = 65;'],
      'any callback': ["typeof value !== 'function'", 'false'],
      'no way back to none': ['value !== null && ', ''],
      'no options are options': ['if (options === undefined) throw', 'if (false) throw'],
      'the same level is a change': [
        '  if (level === settings.level && level === heard) return;\n',
        '',
      ],
      'what was cut off is not told again': [' && level === heard', ''],
      'the level changes after it was told': [
        '  settings.level = level;\n  for (const listener of listeners) listener(level, heard);',
        '  for (const listener of listeners) listener(level, heard);\n  settings.level = level;',
      ],
      'the level before the rest': [
        '  Object.assign(settings, others);\n  setLevel(level);',
        '  setLevel(level);\n  Object.assign(settings, others);',
      ],
      'late listeners hear nothing': [
        "  if (settings.level !== 'off') listener(settings.level, 'off');\n",
        '',
      ],
      'everything is on': [
        "const isOn = () => settings.level !== 'off';",
        'const isOn = () => true;',
      ],
    },
  },
  {
    file: 'debug/trace.js',
    tests: trace,
    mutants: {
      'in the order of the stack': [
        'const found = ranks.flat();',
        'const found = all.filter((one) => rankOf(one) !== NOBODY);',
      ],
      'no packages': ['const ranks = [APPLICATION, LIBRARY]', 'const ranks = [APPLICATION]'],
      'of ralloc too': ['isOfRalloc(file) || ', ''],
      'of Node too': ["file === '' || INSIDE.test(file) || ", ''],
      'nothing where nobody else is': ['return found.length > 0 ? found : all;', 'return found;'],
      'packages are a part of the cause': ['(own.length > 0 ? own : all)', 'all'],
      'any depth': ['trace.#held = hold(below, depth);', 'trace.#held = hold(below);'],
      'errors go on': [
        '      trace.#held = trace.#withoutDepth(below);\n',
        "      throw new Error('no stack');\n",
      ],
      'frames can be changed': ['  Object.freeze({', '  ({'],
      'JSON has nothing': ['    return { frames: this.frames };\n', '    return {};\n'],
    },
  },
  {
    file: 'debug/trace.js',
    tests: maps,
    mutants: {
      'the maps of files are not read': [' ?? originsOnDisk(file, news)', ''],
      "Node's maps are not read": ['originsOf(file, undefined, news) ?? ', ''],
      'maps of packages are read': ['if (rankOf(frame) !== APPLICATION) continue;', ''],
    },
  },
  {
    file: 'debug/stack/stack.js',
    tests: trace,
    mutants: {
      'the last stack is kept': ['  sitesOfTarget = undefined; // call', '  // call'],
      'of one depth': ['OfV8.stackTraceLimit = depth;', 'OfV8.stackTraceLimit = DEPTH;'],
      'nothing where Error is closed': ['isFrozen() || isClosed', 'isFrozen()'],
    },
  },
  {
    file: 'debug/report.js',
    tests: report,
    mutants: {
      'every time': ['  if (first !== undefined) return report;\n', ''],
      'the cause is the kind': [
        "return [report.kind, ...places, isNowhere ? report.of : ''].join('\\n\\n');",
        'return report.kind;',
      ],
      'the cause has no kind': ['return [report.kind, ...places,', 'return [...places,'],
      'whose memory it is makes no difference': ["isNowhere ? report.of : ''", "''"],
      'the caller does not say what is one cause': [
        'if (cause !== undefined) return',
        'if (false) return',
      ],
      'later ones are not counted': ['    first.count += report.count;\n', ''],
      'later bytes are not counted': ['    first.bytes += report.bytes;\n', ''],
      'listeners hear of the first alone': [
        'if (listeners.size === 0) return first;',
        'return first;',
      ],
      'listeners stay': ['return () => listeners.delete(listener);', 'return () => {};'],
      'in the middle of another': ['  if (isTelling) return;\n', ''],
      'as many causes as there are': ['causes.size >= MOST_CAUSES', 'false'],
      'told each time that it is full': ['  if (isFull) return;\n', ''],
      'no warning': ['  if (!isTaken) attempt(() => warn(report));\n', ''],
      'no message on the channel': ['  attempt(() => channels.get(kind).publish(report));\n', ''],
      'no call': ['  call(report);\n', ''],
      'a failure each time': ['  if (failed.has(subject)) return;\n', ''],
      "a rejection is nobody's": ["if (typeof result?.then === 'function')", 'if (false)'],
      'a failure ends it': [
        '  } catch (error) {\n    tellFailure(error, CALLBACK, fn);',
        '  } catch (error) {\n    throw error;',
      ],
      'bytes of one': ['(size ?? 0) * count', 'size ?? 0'],
      'the record is a part of the report': [
        '{ record, cause, since: _since, count = 1, ...facts }',
        '{ cause, since: _since, count = 1, ...facts }',
      ],
      'the record goes first': [
        '{ ...known(ofRecord(record)), ...known(facts) }',
        '{ ...known(facts), ...known(ofRecord(record)) }',
      ],
    },
  },
  {
    file: 'debug/tell.js',
    tests: report,
    mutants: {
      'what waits is lost': ['    for (const warning of pending) emitNow(warning);\n', ''],
      'what was told waits': [
        '  nextTick(() => pending.delete(warning));',
        '  nextTick(() => {});',
      ],
      'what is reported at the end waits': ['  if (isEnding) {', '  if (false) {'],
      'what is behind a function that exits is lost': ['    work();\n', ''],
      'last of all': ['process.prependOnceListener(', 'process.once('],
    },
  },
];
