'use strict';
// tier: run-time

// What is taken and not given back: leakReport(), and what is told of it by itself.

const { once } = require('node:events');
const http = require('node:http');
const { inspect } = require('node:util');
const test = require('ava').serial;
const { groupsOf } = require('../../lib/debug/leaks/groups.js');
const { requestArena } = require('../../lib/http.js');
const {
  Arena,
  Region,
  Slab,
  configureDebug,
  leakReport,
  loadTable,
  site,
  slab,
} = require('../../lib/index.js');
const { serve } = require('../helpers/ask.js');
const { lineAbove, lineOf, watched } = require('../helpers/debug.js');
const { named, tableFile } = require('../helpers/site.js');
const { turns, until, untilCollected } = require('../helpers/until.js');
const { warned } = require('../helpers/warned.js');

const newSlab = (name, options) => new Slab({ sizes: [64, 4096], count: 64, name, ...options });

const stuckOf = (reports) => reports.filter(({ kind }) => kind === 'stuck');

/** Of a part of the report, without ages, what is of `owner`. */
const linesOf = (groups, owner) =>
  groups
    .filter(({ of }) => of.includes(owner))
    .map(({ kind, count, bytes, allocated }) => [kind, count, bytes, lineOf(allocated)]);

test('while debug mode is off there is no report', (t) => {
  t.throws(leakReport, { code: 'ERR_RALLOC_UNSUPPORTED', message: /^leakReport\(\) needs debug/ });
});

test('Buffers that are not freed are told by the line that allocated them, the most bytes first', (t) => {
  watched(t);
  const frames = newSlab('frames');
  const cache = new Region({ name: 'cache' });
  const small = Array.from({ length: 3 }, () => frames.alloc(20));
  const first = lineAbove();
  const large = cache.alloc(1000);
  const second = lineAbove();
  const report = leakReport();
  t.deepEqual([report.count, report.bytes], [4, 1060]);
  t.deepEqual(linesOf(report.groups, "'"), [
    ['region', 1, 1000, second],
    ['slab', 3, 60, first],
  ]);
  t.true(report.groups.every(({ age }) => age >= 0 && age < 60_000));
  frames.free(small[0]);
  cache.free(large);
  t.deepEqual(linesOf(leakReport().groups, "'"), [['slab', 2, 40, first]]);
  frames.free(small[1]);
  frames.free(small[2]);
  t.deepEqual(leakReport().groups, []);
  frames.close();
  cache.close();
});

test('the default slab is one as all others', (t) => {
  watched(t);
  const buffer = slab.alloc(10);
  const allocated = lineAbove();
  t.deepEqual(linesOf(leakReport().groups, 'default'), [['slab', 1, 10, allocated]]);
  t.deepEqual(linesOf(leakReport().open, 'default'), []);
  slab.free(buffer);
  t.is(leakReport().count, 0);
});

test('a hold is told until it is released', async (t) => {
  watched(t);
  const arena = new Arena({ name: 'held' });
  const hold = arena.hold();
  const taken = lineAbove();
  let finish;
  const promise = new Promise((resolve) => {
    finish = resolve;
  });
  const done = arena.hold(promise);
  const second = lineAbove();
  t.deepEqual(linesOf(leakReport().holds, 'held'), [
    ['hold', 1, undefined, taken],
    ['hold', 1, undefined, second],
  ]);
  hold.release();
  t.deepEqual(linesOf(leakReport().holds, 'held'), [['hold', 1, undefined, second]]);
  finish();
  await done;
  t.deepEqual(leakReport().holds, []);
  arena.close();
});

test('holds that end with an outer one, and those of reading, are nobody’s', (t) => {
  watched(t);
  const arena = new Arena();
  const hold = arena.hold();
  arena.scope((inner) => inner.alloc(10).length);
  t.is(leakReport().holds.length, 1);
  hold.release();
  arena.close();
  t.deepEqual(leakReport().holds, []);
});

test('arenas, slabs and regions that are not closed are told by the line that made them', (t) => {
  watched(t);
  const arena = new Arena({ name: 'open' });
  const made = lineAbove();
  const others = [newSlab('open too'), new Region({ name: 'open as well' })];
  arena.scope(() => {});
  t.deepEqual(linesOf(leakReport().open, 'open'), [
    ['arena', 1, undefined, made],
    ['slab', 1, undefined, lineOf(leakReport().open.find(({ kind }) => kind === 'slab').allocated)],
    ['region', 1, undefined, made + 2],
  ]);
  arena.close();
  for (const one of others) one.close();
  t.deepEqual(linesOf(leakReport().open, 'open'), []);
});

test('slots that are out for longer than warnAfterMs are told once, by their lines, and without it never', async (t) => {
  const reports = watched(t);
  const warnings = warned(t);
  const [patient, frames] = [newSlab('patient'), newSlab('frames', { warnAfterMs: 40 })];
  patient.alloc(20);
  frames.alloc(20);
  frames.alloc(3000);
  await until(() => stuckOf(reports).length >= 2 && warnings.length >= 2);
  const all = stuckOf(reports);
  t.deepEqual(all.map(({ count, bytes, of }) => [count, bytes, of]).sort(), [
    [1, 20, "the slab 'frames'"],
    [1, 3000, "the slab 'frames'"],
  ]);
  t.true(all.every(({ age }) => age >= 40));
  t.true(warnings.every(({ code }) => code === 'RALLOC_W_STUCK'));
  for (const one of [patient, frames]) one.close({ force: true });
});

test('a slot that only a blocked event loop makes late is told when it is late indeed', async (t) => {
  const reports = watched(t);
  const warnings = warned(t);
  const frames = newSlab('frames', { warnAfterMs: 400 });
  for (const end = performance.now() + 600; performance.now() < end; );
  const buffer = frames.alloc(20);
  await until(() => warnings.length > 0);
  const codes = warnings.map(({ code }) => code);
  t.deepEqual(codes, ['RALLOC_W_STUCK']);
  t.true(reports[0].age >= 400);
  frames.free(buffer);
  frames.close();
});

test('the report is text for a person', (t) => {
  watched(t);
  t.is(`${leakReport()}`, 'Nothing is left');
  const frames = newSlab('frames');
  const arena = new Arena({ name: 'scratch' });
  const held = [frames.alloc(20), arena.hold()];
  const text = `${leakReport()}`.replace(/\d+ ms/g, '5 ms').replace(/\S+leaks\.test\.js/g, 'here');
  t.regex(
    text,
    /^Buffers of slabs and regions that are not freed:\n {2}a Buffer \(20 B\) of the slab 'frames', for 5 ms, allocated at\n {4}at .*here/,
  );
  t.regex(
    text,
    /\nHolds that are not released:\n {2}a hold of the arena 'scratch', for 5 ms, taken at\n {4}at /,
  );
  t.regex(
    text,
    /\nArenas, slabs and regions that are not closed:\n {2}the slab 'frames', for 5 ms, made at\n {4}at /,
  );
  t.true(inspect(leakReport()).includes("the slab 'frames'"));
  t.is(JSON.parse(JSON.stringify(leakReport())).groups[0].allocated.frames.length > 0, true);
  held[1].release();
  arena.close();
  frames.close({ force: true });
});

test('in `sample` it tells of what is watched, and says so', (t) => {
  watched(t, { level: 'sample', sampleEvery: 1 });
  const frames = newSlab('frames');
  frames.alloc(20);
  t.is(leakReport().count, 1);
  configureDebug({ sampleEvery: 1000 });
  t.regex(`${leakReport()}`, /\nOf all allocations one in 1000 is watched: there may be more$/);
  frames.close({ force: true });
});

/** A server of answers that the test ends, each with a Buffer. */
async function waiting(t, arenas) {
  const answers = new Map();
  let line;
  const handler = arenas.wrap((req, res) => {
    const buffer = req.arena.alloc(100);
    line = lineAbove();
    answers.set(req.url, { req, res, buffer });
    res.write('begins');
  });
  const url = await serve(t, http.createServer(handler));
  /** Its answer has begun. */
  const ask = async (path) => {
    const [answer] = await once(http.get(`${url}${path}`), 'response');
    answer.resume();
    return { answer, ...answers.get(path) };
  };
  return { ask, line: () => line };
}

async function end({ answer, res }) {
  res.end();
  await once(answer, 'end');
}

test('Buffers of a request are told once it has had them for long, and then it is stuck', async (t) => {
  const reports = watched(t);
  const { ask, line } = await waiting(t, requestArena({ warnAfterMs: 20 }));
  const first = once(process, 'warning');
  const asked = await ask('/events');
  t.is((await first)[0].code, 'RALLOC_W_STUCK');
  const [report] = reports;
  t.is(report.kind, 'stuck');
  t.regex(report.message, /req\.arena\.reset\(\)/);
  for (const { count, bytes, request, allocated } of [report, leakReport().requests[0]])
    t.deepEqual([count, bytes, request, lineOf(allocated)], [1, 100, 'GET /events', line()]);
  await end(asked);
});

test('requests of another middleware, which has no such time, are not told', async (t) => {
  const reports = watched(t);
  const patient = await waiting(t, requestArena({ warnAfterMs: 0 }));
  const hasty = await waiting(t, requestArena({ warnAfterMs: 40 }));
  const answers = [await patient.ask('/patient'), await hasty.ask('/hasty')];
  await until(() => stuckOf(reports).length > 0);
  t.deepEqual(
    stuckOf(reports).map(({ request, count }) => [request, count]),
    [['GET /hasty', 1]],
  );
  t.deepEqual(
    leakReport().requests.map(({ request }) => request),
    ['GET /hasty'],
  );
  for (const answer of answers) await end(answer);
});

test('a request that is over is no long one, though somebody holds its Buffers', async (t) => {
  const reports = watched(t);
  const { ask } = await waiting(t, requestArena({ warnAfterMs: 20 }));
  const asked = await ask('/held');
  const hold = asked.req.arena.hold();
  await until(() => stuckOf(reports).length > 0);
  t.is(leakReport().requests.length, 1);
  const over = once(asked.res, 'close');
  await end(asked);
  await over;
  await until(() => leakReport().requests.length === 0);
  t.is(leakReport().holds.length, 1);
  hold.release();
});

const place = { key: 'at one place' };
const taken = (facts) => ({ kind: 'slab', of: 'the slab', allocated: place, size: 10, ...facts });

test('one line that allocates of two slabs is two groups', (t) => {
  watched(t);
  const slabs = ['one', 'two'].map((name) => newSlab(name));
  for (const slab of slabs) slab.alloc(20);
  const names = leakReport().groups.map(({ of }) => of);
  t.deepEqual(names.sort(), ["the slab 'one'", "the slab 'two'"]);
  for (const slab of slabs) slab.close({ force: true });
});

test('a group names its request where all of it are of that one', (t) => {
  const of = (...requests) => groupsOf(requests.map((request) => taken({ at: 0, request })))[0];
  t.is(of('GET /a', 'GET /a').request, 'GET /a');
  for (const mixed of [of('GET /a', 'GET /b'), of('GET /a', undefined), of(undefined)]) {
    t.false('request' in mixed);
  }
});

test('what the slab and the region of all sites have out is nobody’s to free, and they are not to be closed', (t) => {
  watched(t);
  loadTable(tableFile(t, [named('rows', 'slab'), named('entries', 'region')]));
  const sites = ['rows', 'entries'].map(site);
  const buffers = sites.map((one) => one.alloc(100));
  const { slab, region } = site.stats();
  t.deepEqual([slab.held, region.held], [1, 1]);
  const { groups, open } = leakReport();
  t.deepEqual([groups, open], [[], []]);
  for (const [i, one] of sites.entries()) one.free(buffers[i]);
});

// Arenas, slabs and regions that are collected, and nobody has closed them.

const makers = {
  arena: () => new Arena({ name: 'dropped' }),
  slab: () => newSlab('dropped'),
  region: () => new Region({ name: 'dropped' }),
};

const ofDropped = (reports) => reports.filter(({ kind }) => kind === 'not-closed');

for (const [kind, make] of Object.entries(makers)) {
  test(`${kind}: one that is dropped is told by the line that made it`, async (t) => {
    const reports = watched(t, { dropped: true });
    const drop = () => make().stats().live;
    t.true(drop());
    await untilCollected(() => ofDropped(reports).length > 0);
    const [report] = ofDropped(reports);
    t.is(report.of, `the ${kind} 'dropped'`);
    t.regex(
      report.message,
      /was not closed: nobody has it any more\n {2}made at\n {4}at .*leaks\.test/,
    );
    t.is(report.bytes, 0);
    t.is(report.count, 1);
  });

  test(`${kind}: one that was closed is not`, async (t) => {
    const reports = watched(t, { dropped: true });
    const close = () => {
      const one = make();
      one.close();
      return new WeakRef(one);
    };
    const closed = close();
    await untilCollected(() => closed.deref() === undefined);
    const open = () => make().stats().live;
    t.true(open());
    await untilCollected(() => ofDropped(reports).length > 0);
    t.is(ofDropped(reports).length, 1);
  });
}

test('Buffers of it that are left are counted', async (t) => {
  const reports = watched(t, { dropped: true });
  const kept = [];
  const drop = () => {
    const slab = makers.slab();
    kept.push(slab.alloc(10), slab.alloc(10));
    return lineAbove();
  };
  t.true(drop() > 0);
  await untilCollected(() => ofDropped(reports).length > 0);
  t.regex(reports[0].message, /nobody has it any more, and 2 Buffers of it are not freed\n/);
  t.is(typeof lineOf(reports[0].allocated), 'number');
});

test('when debug mode is off by then nobody is told', async (t) => {
  const reports = watched(t, { dropped: true });
  const drop = () => new WeakRef(makers.slab());
  const dropped = drop();
  configureDebug({ level: 'off' });
  await untilCollected(() => dropped.deref() === undefined);
  await turns(20);
  t.deepEqual(ofDropped(reports), []);
});

test('one that is dropped by an object with its Buffers is told too', async (t) => {
  const reports = watched(t, { dropped: true });
  class Parser {
    arena = new Arena({ name: 'of a parser' });
    parse = (text) => this.read(text);
    read(text) {
      this.text = this.arena.from(text);
      return this.text.length;
    }
  }
  const drop = () => new Parser().parse('text');
  t.is(drop(), 4);
  await untilCollected(() => ofDropped(reports).length > 0);
  t.is(ofDropped(reports)[0].of, "the arena 'of a parser'");
});
