'use strict';
// tier: run-time

// Reports of debug mode: once for each cause, by every way, in order, whatever the application's
// function does.

const diagnostics = require('node:diagnostics_channel');
const { serial: test } = require('ava');
const { configureDebug } = require('../..');
const { kinds } = require('../../lib/debug/report-kinds.js');
const { listen, report } = require('../../lib/debug/report.js');
const { Trace } = require('../../lib/debug/trace.js');
const { run } = require('../helpers/child.js');
const { fresh } = require('../helpers/fresh.js');

let causes = 0;
/** A cause that nobody has reported. */
const another = () => `cause ${++causes}`;

/** What work() makes warnings of: `{ message, type, code, detail }`. */
function warned(work) {
  const { emitWarning } = process;
  const all = [];
  process.emitWarning = (message, options) => all.push({ message, ...options });
  try {
    work();
  } finally {
    process.emitWarning = emitWarning;
  }
  return all;
}

/** Gives `fn` all reports of work(); returns the warnings. */
function withCallback(fn, work) {
  configureDebug({ report: fn });
  try {
    return warned(work);
  } finally {
    configureDebug({ report: null });
  }
}

const codesOf = (warnings) => warnings.map(({ code }) => code);

test('a report is a warning, a message on its channel and a call, with the same object', (t) => {
  const heard = [];
  const channel = 'ralloc:debug:use-after-reset';
  const onMessage = (message, name) => heard.push([name, message]);
  diagnostics.subscribe(channel, onMessage);
  const called = [];
  const allocated = Trace.take();
  const facts = { of: "the arena 'a'", name: 'a', size: 1024, request: 'GET /x', allocated };
  const warnings = withCallback(
    (one) => called.push(one),
    () => report('use-after-reset', { ...facts, how: 'response', endedBy: 'GET /x' }),
  );
  diagnostics.unsubscribe(channel, onMessage);
  t.is(called.length, 1);
  t.deepEqual(heard, [[channel, called[0]]]);
  t.is(heard[0][1], called[0]);
  const { message, ...rest } = called[0];
  const [kind, code] = ['use-after-reset', 'RALLOC_W_USE_AFTER_RESET'];
  const counts = { count: 1, bytes: 1024 };
  t.deepEqual(rest, { kind, code, ...facts, ...counts, how: 'response', endedBy: 'GET /x' });
  t.deepEqual(warnings, [{ message, type: 'RallocWarning', code, detail: undefined }]);
});

test('a cause is told of once, and counted from then on', (t) => {
  const called = [];
  const used = () => Trace.take();
  const warnings = withCallback(
    (one) => called.push(one),
    () => {
      for (let i = 0; i < 5; i++) report('double-free', { size: 10, used: used() });
      report('double-free', { size: 10, used: used() });
      const same = used();
      for (const kind of ['use-after-free', 'kept']) report(kind, { size: 10, used: same });
    },
  );
  t.deepEqual(
    called.map(({ kind, count, bytes }) => [kind, count, bytes]),
    [
      ['double-free', 5, 50],
      ['double-free', 1, 10],
      ['use-after-free', 1, 10],
      ['kept', 1, 10],
    ],
  );
  t.is(warnings.length, 4);
});

test('without stacks the cause is whose memory it is; or what the caller says it is', (t) => {
  const warnings = warned(() => {
    for (const of of ["the slab 'a'", "the slab 'b'", "the slab 'a'"]) report('leak', { of });
    for (const cause of ['x', 'y', 'x']) report('leak', { of: "the slab 'c'", cause });
  });
  t.is(warnings.length, 4);
});

test('listeners hear of each, first of all, until they stop', (t) => {
  const heard = [];
  const stop = listen(({ kind, message, count }, isFirst) =>
    heard.push([kind, count, isFirst, message.length > 10]),
  );
  const cause = another();
  const order = [];
  const stopOther = listen(() => order.push('listener'));
  withCallback(
    () => order.push('callback'),
    () => {
      report('stuck', { cause, count: 2 });
      report('stuck', { cause, count: 3 });
      stop();
      report('stuck', { cause });
    },
  );
  stopOther();
  t.deepEqual(heard, [
    ['stuck', 2, true, true],
    ['stuck', 3, false, true],
  ]);
  t.deepEqual(order, ['listener', 'callback', 'listener', 'listener']);
});

test('what a report causes itself is told after it', (t) => {
  const order = [];
  const causeOf = { overrun: another(), leak: another(), stuck: another() };
  const warnings = withCallback(
    ({ kind }) => {
      order.push(`${kind} begins`);
      if (kind === 'overrun') {
        report('leak', { cause: causeOf.leak });
        report('overrun', { cause: causeOf.overrun }); // of itself: counted
        report('stuck', { cause: causeOf.stuck });
      }
      order.push(`${kind} ends`);
    },
    () => report('overrun', { cause: causeOf.overrun }),
  );
  const kindsTold = ['overrun', 'leak', 'stuck'];
  t.deepEqual(
    order,
    kindsTold.flatMap((kind) => [`${kind} begins`, `${kind} ends`]),
  );
  t.deepEqual(
    codesOf(warnings),
    kindsTold.map((kind) => kinds[kind].code),
  );
});

test('a function that throws is told of once, and loses nobody a report', async (t) => {
  const throws = () => {
    throw new Error('a getter');
  };
  const failures = [
    () => {
      throw new TypeError('of the callback');
    },
    () => {
      throw null;
    },
    () => Object.defineProperty({}, 'then', { get: throws }),
  ];
  const texts = [/TypeError: of the callback/, /null/, /Error: a getter/];
  for (const [i, fails] of failures.entries()) {
    const warnings = withCallback(fails, () => {
      for (let n = 0; n < 3; n++) t.notThrows(() => report('kept', { cause: another() }));
    });
    const failed = warnings.filter(({ code }) => code === 'RALLOC_W_REPORT_FAILED');
    t.is(failed.length, 1);
    t.regex(failed[0].message, texts[i]);
    t.is(warnings.length, 4);
  }
  const rejects = async () => {
    throw new Error('later');
  };
  configureDebug({ report: rejects });
  const told = new Promise((resolve) => process.on('warning', resolve));
  const { emitWarning } = process;
  process.emitWarning = (message, options) =>
    options.code === 'RALLOC_W_REPORT_FAILED' && emitWarning(message, options);
  report('kept', { cause: another() });
  const { message, detail } = await told;
  process.emitWarning = emitWarning;
  configureDebug({ report: null });
  t.regex(message, /"report" of configureDebug\(\) failed.*Error: later/);
  t.regex(detail, /report\.test\.js/);
});

test('a channel that fails, a listener that throws and a kind that nobody knows keep no one from the rest', (t) => {
  const { listen: listenTo, report: tellOf } = fresh('debug/report.js');
  listenTo(() => {
    throw new Error('of the listener');
  });
  const warnings = warned(() => {
    t.notThrows(() => tellOf('kept', { cause: another() }));
    t.notThrows(() => tellOf('nonsense'));
  });
  t.deepEqual(codesOf(warnings), ['RALLOC_W_REPORT_FAILED', 'RALLOC_W_KEPT']);
  const { emitWarning } = process;
  process.emitWarning = () => {
    throw new Error('no warnings here');
  };
  t.notThrows(() => tellOf('stuck', { cause: another() }));
  process.emitWarning = emitWarning;
});

test('a thousand causes are told of, then that there are more', (t) => {
  const { listen: listenTo, report: tellOf } = fresh('debug/report.js');
  let heard = 0;
  listenTo(() => heard++);
  const warnings = warned(() => {
    for (let i = 0; i < 1100; i++) tellOf('leak', { cause: `${i}` });
    for (let i = 0; i < 1100; i++) tellOf('leak', { cause: `${i}` });
  });
  t.is(warnings.length, 1001);
  t.is(warnings.at(-1).code, 'RALLOC_W_REPORTS_FULL');
  t.is(heard, 2200, 'listeners hear of all');
});

const told = [
  'RallocWarning',
  'RALLOC_W_OVERRUN',
  "something wrote outside of a Buffer of the slab 'a'",
];
for (const [way, code, expected] of [
  ['throw', 1, [told]],
  ['exit', 4, [told]],
  [
    'callback',
    3,
    [
      told,
      ['RallocWarning', 'RALLOC_W_DOUBLE_FREE', "a Buffer of the slab 'b' was freed or sent twice"],
    ],
  ],
  [
    'late',
    0,
    [['RallocWarning', 'RALLOC_W_LEAK', "2 Buffers (128 B) of the slab 'frames' are not freed"]],
  ],
]) {
  test(`nothing is lost where the process ends: ${way}`, async (t) => {
    const ended = await run('debug/ends.js', { args: [way] });
    t.is(ended.code, code, ended.stderr);
    const texts = ended.result.map(([name, of, text]) => [name, of, text.split('\n')[0]]);
    t.deepEqual(texts, expected);
  });
}

// The texts of reports: each kind can be told whatever is known.

const facts = {
  of: "the slab 'frames'",
  size: 2048,
  request: 'GET /orders',
  age: 1234.5,
  how: 'freed',
  endedBy: 'POST /end',
  use: 'fs.writeSync()',
  detail: '4 bytes from its byte 16 on',
};

for (const [kind, { code, text }] of Object.entries(kinds)) {
  test(`${kind}: its text says what happened, where, and what to do`, (t) => {
    t.is(code, `RALLOC_W_${kind.toUpperCase().replaceAll('-', '_')}`);
    const trace = Trace.take();
    const stacks = { allocated: trace, ended: trace, used: trace, operation: trace };
    for (const one of [{}, facts, { ...facts, ...stacks }]) {
      for (const count of [1, 3]) {
        const lines = text({ count, bytes: count * 2048, ...one }).split('\n');
        t.notRegex(lines.join('\n'), /undefined|null|NaN|\[object/);
        t.regex(lines[0], /^[a-z0-9]/);
        t.regex(lines.at(-1), /^ {2}[A-Z].*[^.]$/);
        const at = lines.filter((line) => line === String(trace).split('\n')[0]);
        t.is(at.length, Object.keys(one).filter((key) => key in stacks).length);
      }
    }
  });
}
