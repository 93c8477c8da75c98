'use strict';
// tier: run-time, differs by Node

// Who installs the guard, when, and what it leaves as it was.

const test = require('ava');
const { run } = require('../../helpers/child.js');

const REPLACED = ['fs.write', 'fs.writeFile', 'stream.Writable.prototype.write'];

/** What each of `acts` changes, one after another in one process: by its name. */
async function whatChange(t, acts, options) {
  const { code, stderr, result } = await run('node/what-changes.js', { args: acts, ...options });
  t.is(code, 0, stderr);
  for (const act of acts) t.true(result[act].count > 3000, 'many functions were compared');
  return result;
}

const whatChanges = async (t, act, options) => (await whatChange(t, [act], options))[act];

/** The same of acts that change nothing, so that each begins as the first one: for all tests of them. */
function unchanging(acts, env) {
  let seen;
  return (t) => {
    seen ??= whatChange(t, acts, { env });
    return seen;
  };
}

const LEAVING = {
  'to load ralloc': 'load',
  'an arena': 'arena',
  'a slab': 'slab',
  'a middleware with guard: false': 'requests without the guard',
};
const left = unchanging(Object.values(LEAVING));

for (const [title, act] of Object.entries(LEAVING)) {
  test(`${title} leaves every function of Node as it was`, async (t) => {
    const { replaced, code, warnings } = (await left(t))[act];
    t.deepEqual([replaced, code, warnings], [[], undefined, []]);
  });
}

test('with RALLOC_GUARD=off whatever asks for it leaves every function of Node as it was', async (t) => {
  const env = { RALLOC_GUARD: 'off' };
  const { replaced, code, warnings } = await whatChanges(t, 'all', { env });
  t.deepEqual([replaced, code, warnings], [[], undefined, []]);
});

let first;
/** What an arena with the guard changes, and after it the first hold. */
const guarded = (t) => {
  first ??= whatChange(t, ['arena with the guard', 'held chunks']).then(Object.values);
  return first;
};

for (const [title, act, RALLOC_GUARD = '', execArgv = []] of [
  ['a middleware', 'requests'],
  ['an arena with guard: true', undefined],
  ['ralloc/guard', 'entry'],
  ['a middleware with RALLOC_GUARD=on', 'requests', 'on'],
  ['a middleware with --frozen-intrinsics', 'requests', '', ['--frozen-intrinsics']],
]) {
  test(`${title} replaces functions, which look as before`, async (t) => {
    const options = { env: { RALLOC_GUARD }, execArgv };
    const result = act ? await whatChanges(t, act, options) : (await guarded(t))[0];
    for (const name of REPLACED) t.true(result.replaced.includes(name), name);
    t.deepEqual(result.different, []);
    t.deepEqual(
      result.warnings.filter(({ code }) => code !== undefined),
      [],
    );
  });
}

const ENDING = [
  'http.OutgoingMessage.prototype._flushOutput',
  'http.OutgoingMessage.prototype.destroy',
  'stream.Duplex.prototype.destroy',
  'stream.Readable.prototype.destroy',
  'stream.Readable.prototype.read',
  'stream.Readable.prototype.setEncoding',
];

test('methods that only end holds are replaced with the first hold', async (t) => {
  const [mounted, holding] = await guarded(t);
  t.deepEqual(
    mounted.replaced.filter((name) => ENDING.includes(name)),
    [],
  );
  t.deepEqual(
    ENDING.filter((name) => !holding.replaced.includes(name)),
    [],
  );
  t.deepEqual([holding.different, holding.warnings], [[], []]);
});

test('where they cannot be replaced the first holds warn, and go on', async (t) => {
  const { warnings, code } = await whatChanges(t, 'held chunks, classes frozen since');
  t.is(code, undefined);
  const texts = warnings.map(({ message }) => /replace (.*?\.) Give/.exec(message)?.[1]);
  t.deepEqual(texts, [
    'stream.read, stream.setEncoding, stream.destroy, stream.destroy: Buffers given to these are held until holdMs is over.',
    'http.uncork, http._flushOutput, http.destroy: Buffers given to these are held until holdMs is over.',
  ]);
});

const both = (state) => ({ dgram: state, web: state });

const replaced = both('replaced');
const unknown = both('unknown');
const everybody = [true, true, true];
/** Replaced since the mount: before a request, and by its handler. */
const early = {
  ...{ mount: unknown, request: { ...unknown, web: 'replaced' }, memory: replaced },
  read: 'bytes',
};
const late = { ...early, request: unknown, own: [false, false, true] };

for (const [title, way, expected] of [
  [
    'web streams and datagrams that nobody has loaded wait for the first memory of a request',
    'not loaded',
    { mount: unknown, request: unknown, memory: replaced, own: everybody },
  ],
  [
    'those that are loaded are replaced by the mount',
    'loaded before',
    { mount: replaced, request: replaced, memory: replaced, own: everybody },
  ],
  [
    'a side of a TransformStream that was taken since the mount, before the first request, gets copies',
    'taken since',
    { ...early, own: everybody },
  ],
  [
    'a request that begins after that was loaded finds it replaced; who was there has Buffers of the heap',
    'taken between requests',
    { ...early, own: [false, true, true] },
  ],
  [
    'requests that were there when a handler loaded web streams, before the first memory, have Buffers of the heap',
    'taken by a handler',
    late,
  ],
  ['so have they where the handler needs a ReadableStream alone', 'enqueued', late],
  [
    'and where it was an arena with the guard for which web streams were replaced',
    'wrapped for an arena',
    late,
  ],
]) {
  test(title, async (t) => {
    const { result, stderr } = await run('node/later.js', { args: [way] });
    t.deepEqual(result, expected, stderr);
  });
}

for (const [title, act, missing] of [
  ['a module that somebody froze', 'a frozen fs', /could not replace (fs\.\w+, )+fs\.\w+: /],
  ['a function that stands behind a getter', 'fs.write behind a getter', /replace fs\.write: /],
]) {
  test(`${title} is left, and one warning names it; the rest is guarded`, async (t) => {
    const { replaced, warnings } = await whatChanges(t, act);
    t.true(replaced.includes('stream.Writable.prototype.write'));
    t.deepEqual(
      warnings.map(({ code }) => code),
      ['RALLOC_GUARD_PARTIAL'],
    );
    t.regex(warnings[0].message, missing);
  });
}

test('a node:stream that somebody froze is guarded once', async (t) => {
  const { replaced, different, warnings } = await whatChanges(t, 'a frozen stream');
  t.true(replaced.includes('stream.Writable.prototype.write'));
  t.deepEqual(different, []);
  t.is(warnings.length, 1);
  t.regex(warnings[0].message, /could not replace stream\.compose, stream\.pipeline: /);
});

const all = { 'a named import': true, 'a namespace': true, 'a property that was read': true };

for (const [title, execArgv, expected] of [
  ['--import ralloc/guard', ['--import', 'ralloc/guard'], all],
  ['--require ralloc/guard', ['--require', 'ralloc/guard'], all],
  ['the first arena', [], { ...all, 'a property that was read': false }],
]) {
  test(`installed by ${title}, functions that were taken before hold what they are given, in a worker too`, async (t) => {
    const { code, stderr, result } = await run('node/taken-early.mjs', { execArgv });
    t.is(code, 0, stderr);
    t.deepEqual(result, { worker: expected, main: expected });
  });
}

// Wrong arguments: the errors of the functions that the guard replaced are Node's own.

const FRAMES = 2;

async function errors(t, how) {
  const { code, stderr, result } = await run('node/errors.js', { args: [how] });
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
  const [compared, [, { replaced }]] = await Promise.all([errorsOf(t, 'without'), guarded(t)]);
  t.true(replaced.length > 40, `${replaced.length} are replaced`);
  t.deepEqual(
    replaced.filter((name) => !(name in compared)),
    [],
  );
});
