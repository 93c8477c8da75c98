'use strict';
// tier: tools

// Applications that take away what the recorder needs: they run as without it.

const test = require('ava');
const { join } = require('node:path');
const { Profile } = require('../../../tools/recorder/profile.js');
const { posixTest } = require('../../helpers/backend.js');
const { fixturePath, run } = require('../../helpers/child.js');
const { ALIVE } = require('../../../tools/recorder/events.js').events;
const { Sites } = require('../../../tools/recorder/sites.js');
const { folder } = require('../../helpers/folder.js');
const { profiled } = require('../../helpers/profile.js');

test('a site whose definition was stopped is defined by the next block, and has its id', (t) => {
  const sites = new Sites();
  const site = sites.ofStream('http', 'GET /');
  const { compiled } = sites;
  sites.compiled = {
    tell() {
      throw new Error('stopped');
    },
  };
  t.throws(() => sites.untold());
  sites.compiled = compiled;
  t.like(sites.untold(), [{ id: site.id, source: 'http', route: 'GET /' }]);
  t.regex(site.id, /^[0-9a-f]{16}$/);
  t.deepEqual(sites.untold(), []);
});

const KEPT = 1001;

for (const way of ['no process', 'another process', 'no WeakRef', 'another Error']) {
  test(`an application with ${way} on the global object runs, and is recorded to its end`, async (t) => {
    const { code, stderr, result, read } = await profiled(t, 'takes-away.js', { args: [way] });
    t.is(code, 0, stderr);
    t.deepEqual(result, { kept: KEPT });
    t.regex(stderr, /^ralloc: Recorded one thread in .*\n$/);
    const sites = new Set(read().sites.map(({ frames }) => frames[0]?.line));
    t.true(sites.size >= 2, 'with the lines of before and after');
  });
}

for (const [way, end] of [
  ['Map.prototype.get throws', 'return'],
  ['Map.prototype.get throws', 'exit'],
  ['Map.prototype.get throws', 'signal'],
  ['WeakMap.prototype.has throws', 'return'],
  ['Object.defineProperty throws', 'return'],
  ['Array.prototype.push throws undefined', 'exit'],
]) {
  const endTest = end === 'signal' ? posixTest : test;
  endTest(`an application where ${way} goes on to its end, by ${end}`, async (t) => {
    const { stderr, signal, result } = await profiled(t, 'takes-away.js', { args: [way, end] });
    t.deepEqual(result, { kept: KEPT }, stderr);
    t.is(signal, end === 'signal' ? 'SIGTERM' : null, stderr);
    t.notRegex(stderr, /^\s+at /m, 'no uncaught error');
  });
}

test('an application that tames Error before it starts the profiler has its lines', async (t) => {
  const file = join(folder(t), 'a.jsonl');
  const { code, stderr } = await run('tools/recorder/locks-down.js', { args: [file] });
  t.is(code, 0, stderr);
  const files = Profile.read(file).sites.map(({ frames }) => frames[0]?.file);
  t.true(files.includes(fixturePath(join('tools/recorder', 'locks-down.js'))), `${files}`);
});

test("an application that vm's timeout stops while it allocates is recorded to its end", async (t) => {
  const { code, stderr, result, read } = await profiled(t, 'stopped.js', {
    options: ['--rate', '4k'],
  });
  t.is(code, 0, stderr);
  t.deepEqual(result, { kept: 1000 });
  const { skipped, cells } = read();
  t.is(skipped, 0, 'no line of it makes no sense');
  const alive = cells.filter(({ event }) => event === ALIVE);
  t.true(alive.reduce((sum, { bytes }) => sum + bytes, 0) > 1000 * 16 * 1024 * 0.8);
});
