'use strict';
// tier: run-time

// The ends of scopes that the stack had no room for, without a stack that ends: by functions that throw as they would.

const test = require('ava');
const { finishScopes, runScope } = require('../../lib/base/scope.js');

/** Ends that throw as at the end of the stack, the first `failures` times. */
function ending(failures) {
  const results = [];
  let left = failures;
  const leave = (result) => {
    if (left-- > 0) throw new RangeError('Maximum call stack size exceeded');
    results.push(result);
    return false;
  };
  return { leave, results };
}

const run = (fn, leave, owner) => runScope(fn, () => ({}), leave, owner, 'escaped');

test('ends that failed are kept for their owner, each with the one before, and all are done', (t) => {
  const owner = { unfinished: null };
  const ends = [ending(1), ending(1), ending(1)];
  for (const { leave } of ends) t.throws(() => run(() => 'result', leave, owner));
  t.throws(() =>
    run(
      () => {
        throw new Error('of the function');
      },
      ending(1).leave,
      owner,
    ),
  );
  finishScopes(owner);
  t.is(owner.unfinished, null);
  for (const { results } of ends) t.deepEqual(results, [undefined]);
});

test('an end that fails again stays, with those behind it', (t) => {
  const owner = { unfinished: null };
  const [first, last] = [ending(1), ending(2)];
  for (const { leave } of [first, last]) t.throws(() => run(() => 'result', leave, owner));
  t.throws(() => finishScopes(owner), { message: /call stack/ });
  t.deepEqual([first.results, last.results], [[], []]);
  finishScopes(owner);
  t.deepEqual([first.results, last.results], [[undefined], [undefined]]);
});

test('the error of the function goes before one of its end', (t) => {
  const owner = { unfinished: null };
  const fails = () => {
    throw new Error('of the function');
  };
  t.throws(() => run(fails, ending(1).leave, owner), { message: 'of the function' });
  t.not(owner.unfinished, null);
});
