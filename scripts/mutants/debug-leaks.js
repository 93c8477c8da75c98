'use strict';

// Of what is not given back: whom it is told of, when, and how often; and of the series of figures.

const atExit = ['debug/leaks-at-exit.test.js', 'debug/copies.test.js'];
const leaks = ['debug/leaks.test.js', 'debug/dropped.test.js', 'debug/groups.test.js'];
const helper = [
  'debug/no-leaks.test.js',
  'debug/no-leaks-server.test.js',
  'debug/no-leaks-waits.test.js',
];
const catalogue = ['debug/catalogue.test.js'];

module.exports = [
  {
    file: 'debug/leaks/groups.js',
    tests: leaks,
    mutants: {
      'one place of several owners': [
        "[kind, of, allocated.key].join('\\n\\n')",
        'String(allocated.key)',
      ],
      'few bytes first': ['(b.bytes ?? 0) - (a.bytes ?? 0)', '(a.bytes ?? 0) - (b.bytes ?? 0)'],
      'the age is of the youngest': ['Math.min(oldest, at), now)', 'Math.max(oldest, at), 0)'],
      'the request is that of the first': ['requests.size === 1 && ', ''],
    },
  },
  {
    file: 'debug/leaks/holds.js',
    tests: ['debug/expired-holds.test.js', ...leaks],
    mutants: {
      'what is released stays': ['  open.delete(found.one);\n', ''],
      'what is released expires': ['  byEpoch.get(found.epoch.deref())?.delete(found.one);\n', ''],
      'more than have had their time': ['.slice(0, count)', ''],
      'told each time': ['.filter((one) => !one.isExpired)', ''],
    },
  },
  {
    file: 'debug/leaks/leak-report.js',
    tests: leaks,
    mutants: {
      'sample says that it is all': ["level === 'full'", "level !== 'off'"],
      'empty parts have titles': ['this[name].length > 0', 'true'],
    },
  },
  {
    file: 'debug/leaks/leaks.js',
    tests: [...atExit, ...leaks, ...catalogue],
    mutants: {
      'what sites have of their own is a leak': [
        '.filter(({ core }) => core !== undefined && !isOfSites(core))',
        '.filter(({ core }) => core !== undefined)',
        { tests: ['debug/groups.test.js'] },
      ],
      'Buffers of arenas are leaks': ['core !== undefined && ', ''],
      'bytes are not looked at in the end': ['  if (isOn()) verifyBytes();\n', ''],
      'sample tells leaks at exit': ["settings.level !== 'full' || ", ''],
      'a program that died leaks': [' || (hasDied && code !== 0)', ''],
      'an error that was caught hides leaks': ['hasDied && code !== 0', 'hasDied'],
      'before the listeners of the application': ["  process.on('newListener', goLast);\n", ''],
      'copies go behind each other for ever': [' || listener[kLast] === true', ''],
      'a stack keeps what was dropped': ['record.allocated.settle();', ''],
    },
  },
  {
    file: 'debug/leaks/no-leaks.js',
    tests: helper,
    mutants: {
      'what was there before is told': ['!this.#before.has(one)', 'true'],
      'holds are not waited for': ['buffers.length + holds.length + open.length', 'buffers.length'],
      'a request under way is not waited for': [
        'owner !== undefined && !owner.isOver',
        'false && owner',
      ],
      'nothing is waited for': ['while (!outstanding.isOver && time.now() < end)', 'while (false)'],
      'holds are not told': ["...left('hold-leaked', ofHolds,", "...left('hold-leaked', [],"],
      'what is open is not told': ["left('not-closed', open,", "left('not-closed', [],"],
      'it is told again later': ['    outstanding.forget();\n', ''],
      'a leak is told again at the end': [
        '    for (const one of this.buffers) leaks.forget(one);\n',
        '',
        { tests: ['debug/leaks-at-exit.test.js'] },
      ],
      'the level stays': ['    configure({ level });\n', ''],
      'damage is not looked for': ['    verify();\n    reports', '    reports'],
      'an error is not explained': ['    explain(error, reports);\n', ''],
      'a cause is overwritten': [" && !('cause' in error)", ''],
      'a frozen error': ['Object.isExtensible(error)', 'true'],
      'what an error cannot take is lost': [
        '  else reports.filter(({ message }) => error?.cause?.message !== message).forEach(warn);\n',
        '',
      ],
      'a warning repeats the error': [
        'return HANDLED; // the error',
        'return undefined; // the error',
      ],
      'each use is shown': ['if (known === undefined) return', 'return'],
      'inside of each other': ['within.getStore()?.isRunning', 'false'],
      'it is inside for ever': ['    run.isRunning = false;\n', ''],
      'two at a time': ['  await before;\n', ''],
      'what is of before is of this one': [
        '    if (since < begin) return undefined; // it was taken before `fn`\n',
        '',
      ],
      'the next one never begins': ['    finish();\n', ''],
    },
  },
  {
    file: 'debug/leaks/opened.js',
    tests: [...leaks, ...helper],
    mutants: {
      'what is closed stays': ['  open.delete(byCore.get(core));\n', ''],
      'what was closed is told as dropped': ['!open.delete(one) || ', ''],
      'told when debug mode is off': [' || !isOn()', ''],
      'what sites have is open': [
        '.filter(({ core }) => core === undefined || !isOfSites(core))',
        '',
        { tests: ['debug/groups.test.js'] },
      ],
    },
  },
  {
    file: 'debug/leaks/stuck.js',
    tests: ['debug/stuck.test.js', ...leaks],
    mutants: {
      'told each time': ['(record) => !reported.has(record)', '() => true'],
      'young ones too': [' && record.at <= before', ''],
      'of all slabs': ['core === of && record.at', 'record.at'],
      'of all requests': ['record.owner === request', 'true'],
      'a request that is over is long': [' || owner.isOver', ''],
      'any request is long': ['now - at > warnAfterMs', 'true'],
    },
  },
];
