'use strict';

// Tests are certain: each file says its tier, and only two helpers call timers; what waits uses them. A program that a test starts
// (fixtures/) may call one where the timer is its subject, and says so on that line: `// timer: why`. `--self-test` proves that it finds what is wrong.

const { runCheck } = require('./lib/check.js');
const { listFiles, readFile } = require('./lib/files.js');
const { tierOf } = require('./lib/tiers.js');

const HELPERS = new Set(['__test__/helpers/until.js', '__test__/helpers/clock.js']);
const TIMER =
  /(?<![.\w'])(?:setTimeout|setInterval)\(|\b(?:setTimeout|setInterval)\b.*require\('(?:node:)?timers|\bAtomics\.wait\((?:[^,]*,){3}/;
const SAID = /\/\/ timer: \S/;

function timersIn(root, file) {
  const mayNameIt = file.startsWith('__test__/fixtures/');
  return readFile(root, file)
    .split('\n')
    .flatMap((line, index) =>
      TIMER.test(line) && !(mayNameIt && SAID.test(line))
        ? [{ file, line: index + 1, what: 'a timer: wait by helpers/until.js or clock.js' }]
        : [],
    );
}

function checkTests(root) {
  const files = listFiles(root).filter((file) => /^__test__\/.*\.m?js$/.test(file));
  const silent = files.filter(
    (file) => file.endsWith('.test.js') && tierOf(readFile(root, file)) === null,
  );
  return [
    ...silent.map((file) => ({ file, line: 1, what: 'says no tier: // tier: run-time' })),
    ...files.filter((file) => !HELPERS.has(file)).flatMap((file) => timersIn(root, file)),
  ];
}

const CASES = [
  {
    name: 'tiers',
    files: {
      '__test__/a.test.js': ["'use strict';", '// tier: run-time'],
      '__test__/b.test.js': ["'use strict';", '// tier: run-time, differs'],
      '__test__/c.test.js': ["'use strict';", '// tier: tools'],
      '__test__/d.test.js': ["'use strict';"],
      '__test__/e.test.js': ['// tier: tools, differs'],
      '__test__/f.test.js': ['// tier: sometimes'],
      '__test__/g.test.js': ['// tier: run-time, differs, long'],
      '__test__/h.test.js': ['// tier: tools, long'],
      '__test__/i.test.js': ['// tier: tools, short'],
      '__test__/helpers/g.js': [''],
    },
    wrong: ['d', 'e', 'f', 'i'].map((name) => `__test__/${name}.test.js:1`),
  },
  {
    name: 'timers',
    files: {
      '__test__/helpers/until.js': ['setTimeout(go, 1);'],
      '__test__/helpers/a.js': ['await new Promise((go) => setTimeout(go, 1));'],
      '__test__/a.test.js': [
        '// tier: run-time',
        "const { setTimeout: sleep } = require('node:timers/promises');",
        "const { setImmediate: turn } = require('node:timers/promises');",
        'socket.setTimeout(5);',
        'setInterval(() => {}, 5); // timer: fixtures alone may say so',
        'Atomics.wait(cell, 0, 0);',
        'Atomics.wait(cell, 0, 0, 100);',
      ],
      '__test__/fixtures/a.js': [
        'setTimeout(go, 1); // timer: what is recorded',
        'setTimeout(go);',
      ],
    },
    wrong: [
      '__test__/helpers/a.js:1',
      '__test__/a.test.js:2',
      '__test__/a.test.js:5',
      '__test__/a.test.js:7',
      '__test__/fixtures/a.js:2',
    ],
  },
];

runCheck(checkTests, CASES);
