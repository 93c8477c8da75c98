'use strict';
// tier: run-time

// The checks of arguments, at the edges of what they take; and other small things that all rooms use.

const test = require('ava');
const { constants } = require('node:os');
const { fileKey } = require('../../lib/base/file-key.js');
const { codeOf, errnoCode, errorName } = require('../../lib/base/system-error.js');
const check = require('../../lib/base/validate.js');
const { finishScopes, runScope } = require('../../lib/base/scope.js');

const code = 'ERR_RALLOC_INVALID_ARGUMENT';

test('an integer is one within its range, ends included', (t) => {
  for (const value of [5, 6, 10]) t.is(check.integer(value, 'size', 5, 10), value);
  for (const value of [4, 11, 5.5, Number.NaN, Infinity]) {
    const error = t.throws(() => check.integer(value, 'size', 5, 10), { code });
    t.is(error.constructor, RangeError, `${value}`);
    t.regex(error.message, /It must be an integer >= 5 and <= 10\./);
  }
  t.throws(() => check.integer(2 ** 53, 'size', 0, 2 ** 60), { code }, 'no safe integer');
  for (const value of ['5', null, undefined, true, 5n, [5]]) {
    t.is(t.throws(() => check.integer(value, 'size', 5, 10), { code }).constructor, TypeError);
  }
});

test('a power of two is one within its range', (t) => {
  for (const value of [8, 16, 64]) t.is(check.powerOfTwo(value, 'align', 8, 64), value);
  for (const value of [4, 9, 12, 63, 128, 0]) {
    t.throws(() => check.powerOfTwo(value, 'align', 8, 64), { code, instanceOf: RangeError });
  }
});

test('one of some words is that word', (t) => {
  const words = ['on', 'off'];
  t.is(check.oneOf('on', 'mode', words), 'on');
  const error = t.throws(() => check.oneOf('of', 'mode', words), { code, instanceOf: RangeError });
  t.regex(error.message, /It must be one of 'on', 'off'\./);
  t.throws(() => check.oneOf(['on'], 'mode', words), { code, instanceOf: TypeError });
});

for (const [name, values] of Object.entries({
  boolean: [true, 1],
  string: ['', Object('')],
  func: [() => {}, {}],
})) {
  test(`a ${name} is nothing else`, (t) => {
    const [good, bad] = values;
    t.is(check[name](good, 'value'), good);
    t.throws(() => check[name](bad, 'value'), { code, instanceOf: TypeError });
  });
}

const readers = {
  maxBytes: (value, name) => [name, value],
  maxBytesPerRequest: (value) => value,
  wipe: check.boolean,
};
const read = (options, name) => check.options(options, readers, name);

test('options are read by their readers, and undefined ones are left out', (t) => {
  t.deepEqual(read(undefined), {});
  t.deepEqual(read({ maxBytes: 5, wipe: undefined }), { maxBytes: ['options.maxBytes', 5] });
  t.deepEqual(read({ maxBytes: 5 }, 'options.memory').maxBytes[0], 'options.memory.maxBytes');
  for (const options of [null, 5, 'wipe', [], true]) {
    t.throws(() => read(options), { code, instanceOf: TypeError, message: /"options"/ });
  }
});

test('an unknown option names the nearest, and in which object', (t) => {
  const nearest = (key, name) => t.throws(() => read({ [key]: 1 }, name), { code }).message;
  const near = {
    maxByte: 'maxBytes',
    MAXBYTES: 'maxBytes',
    maxBytesPer: 'maxBytesPerRequest', // begins so, although "maxBytes" is fewer edits away
    wpie: 'wipe',
    wipes: 'wipe',
    axBytes: 'maxBytes',
    wiper: 'wipe',
    wipeMemory: 'wipe', // begins with it
    maxBytesPerRequst: 'maxBytesPerRequest', // so does this, but it is a slip
  };
  for (const [key, expected] of Object.entries(near)) {
    t.is(nearest(key), `Unknown option "${key}". Did you mean "${expected}"?`);
  }
  for (const key of ['toString', 'limit', 'highWaterMark', 'ma', 'w']) {
    const all = 'The options are "maxBytes", "maxBytesPerRequest", "wipe"';
    t.is(nearest(key), `Unknown option "${key}". ${all}`);
  }
  t.is(
    nearest('limit', 'options.memory'),
    'Unknown option "memory.limit". The options are "memory.maxBytes", "memory.maxBytesPerRequest", "memory.wipe"',
  );
  const only = () => check.options({ x: 1 }, { force: check.boolean });
  t.throws(only, { code, message: 'Unknown option "x". The only option is "force"' });
  t.is(
    nearest('wip', 'options.memory'),
    'Unknown option "memory.wip". Did you mean "memory.wipe"?',
  );
});

// The ends of scopes that the stack had no room for, without a stack that ends: by functions that throw as they would.

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

test('on Windows a file is the same by another case, drive letter and slash; elsewhere by none of them', (t) => {
  const names = ['C:\\My App\\a.js', 'c:/my app/A.JS', 'C:\\My App\\b.js'];
  const keys = (isWindows) => new Set(names.map((name) => fileKey(name, isWindows))).size;
  t.is(keys(true), 2);
  t.is(keys(false), 3);
});

test('an error number of the system has the name that Node gives it, and one of Windows that of Unix', (t) => {
  if (process.platform !== 'win32') {
    for (const [name, number] of Object.entries(constants.errno)) {
      if (/^E(NOMEM|NOENT|EXIST|ACCES|PERM|INVAL|NOSPC|MFILE|ISDIR|LOOP)$/.test(name))
        t.is(errnoCode(number), name);
    }
  }
  t.is(errnoCode(1455, 'win32'), 'ENOMEM');
  t.is(errnoCode(183, 'win32'), 'EEXIST');
  t.is(errnoCode(99_999, 'linux'), undefined);
  t.is(errnoCode(99_999, 'win32'), undefined);
  t.is(errorName({ errno: 99_999 }), 'errno 99999');
  t.is(
    codeOf({ code: 'ENOMEM', errno: 99_999 }),
    'ENOMEM',
    'a failure that says its name has that one',
  );
  t.is(errorName({ code: 'ENOMEM', errno: 12 }), 'ENOMEM (errno 12)');
});
