'use strict';
// tier: run-time, differs

// Wrong arguments: the errors of the functions that the guard replaced are Node's own.

const test = require('ava');
const { run } = require('../helpers/child.js');

const FRAMES = 2;

async function errors(t, how) {
  const { code, stderr, result } = await run('guard/errors.js', { args: [how] });
  t.is(code, 0, stderr);
  return result;
}

/** The errors of each way, for both tests. */
const made = {};
const errorsOf = (t, how) => {
  made[how] ??= errors(t, how);
  return made[how];
};

/** Without the depth of its stack. */
const told = ([args, answer]) => [args, Array.isArray(answer) ? answer.slice(0, 3) : answer];

test('wrong arguments get the errors that they get without the guard, two frames deeper at most', async (t) => {
  const [without, with_] = await Promise.all([
    errorsOf(t, 'without'),
    errorsOf(t, 'with the guard'),
  ]);
  let count = 0;
  for (const [name, expected] of Object.entries(without)) {
    t.deepEqual(with_[name].map(told), expected.map(told), name);
    for (const [i, [args, answer]] of expected.entries()) {
      if (typeof answer === 'string') continue;
      count++;
      const deeper = with_[name][i][1][3] - answer[3];
      if (answer[3] !== undefined) t.true(deeper <= FRAMES, `${name} ${args}: ${deeper} frames`);
    }
  }
  t.true(count > 1000, `${count} errors were compared`);
});

test('every function that the guard replaces is among them', async (t) => {
  const [compared, changes] = await Promise.all([
    errorsOf(t, 'without'),
    run('guard/what-changes.js', { args: ['requests'] }),
  ]);
  t.is(changes.code, 0, changes.stderr);
  const { replaced } = changes.result.requests;
  t.true(replaced.length > 40, `${replaced.length} are replaced`);
  t.deepEqual(
    replaced.filter((name) => !(name in compared)),
    [],
  );
});
