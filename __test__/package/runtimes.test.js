'use strict';
// tier: soak

// One program on every runtime there is: this Node, Bun and Deno.

const test = require('ava');
const { join } = require('node:path');
const { backend, testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { bun, deno } = require('../helpers/readers.js');

const root = join(__dirname, '..', '..');

/** Runs the program: nothing dies, nothing is wrong, and every aborted response's memory comes back. */
async function works(t, expected, warnings, options) {
  const { code, signal, stderr, result } = await run('package/on-runtime.js', {
    args: [root],
    ...options,
  });
  t.deepEqual([code, signal], [0, null], stderr);
  t.deepEqual(result, {
    backend: expected,
    codes: warnings,
    threads: expected === 'native' ? 'HELLO' : 'ERR_RALLOC_UNSUPPORTED',
    values: ['text', true, 4.5, true, 0, 0],
    requests: { wrong: 0, requests: 30, finished: 30, leased: 0 },
    aborts: { aborted: 5, served: true, fromHeap: true, quarantined: 0 },
  });
}

const bunTest = (title, body) =>
  testWhere(bun !== undefined, 'Bun (scripts/ci/get-readers.js)', title, body);
const denoTest = (title, body) =>
  testWhere(deno !== undefined, 'Deno (scripts/ci/get-readers.js)', title, body);

test('on this Node it serves requests, and gets the memory of aborted ones back', (t) =>
  works(t, backend, ['RALLOC_QUARANTINE_HIGH']));

bunTest('on Bun it does, with the same memory', (t) =>
  works(t, backend, ['RALLOC_QUARANTINE_HIGH'], { runtime: bun }),
);

for (const [title, permissions, env] of [
  ['that may do all', ['-A'], { RALLOC_BACKEND: '' }],
  ['without --allow-env', ['--no-prompt', '--allow-read', '--allow-net'], {}],
]) {
  denoTest(`on Deno ${title} it does in memory of V8, with warnings`, (t) =>
    works(t, 'js', ['RALLOC_JS_BACKEND', 'RALLOC_GUARD_PARTIAL', 'RALLOC_QUARANTINE_HIGH'], {
      runtime: deno,
      execArgv: ['run', ...permissions],
      env,
    }),
  );
}

denoTest('on Deno who asks for the fallback is not warned of it', (t) =>
  works(t, 'js', ['RALLOC_GUARD_PARTIAL', 'RALLOC_QUARANTINE_HIGH'], {
    runtime: deno,
    execArgv: ['run', '-A'],
    env: { RALLOC_BACKEND: 'js' },
  }),
);

/** The reports of debug mode, with the lines of the program. */
async function tells(t, runtime, ...execArgv) {
  const { code, result, stderr } = await run('debug/on-runtime.js', {
    args: [root],
    runtime,
    execArgv,
  });
  t.is(code, 0, stderr);
  return result;
}

const OF_ARENA = ['use-after-reset', 16, 17, 18];
const OF_SLAB = ['double-free', 22, 23, 25];

test('on this Node debug mode tells the lines of misuse', async (t) =>
  t.deepEqual(await tells(t), [OF_ARENA, OF_SLAB]));

denoTest('so it does on Deno', async (t) =>
  t.deepEqual(await tells(t, deno, 'run', '-A'), [OF_ARENA, OF_SLAB]),
);

bunTest('and on Bun, but for where a Buffer of a slab was allocated', async (t) => {
  const [kind, , ended, used] = OF_SLAB;
  t.deepEqual(await tells(t, bun), [OF_ARENA, [kind, null, ended, used]]);
});
