'use strict';
// tier: run-time

// Arenas, slabs and regions that are collected, and nobody has closed them.

const test = require('ava').serial;
const { Arena, Region, Slab, configureDebug } = require('../../lib/index.js');
const { lineAbove, lineOf, watched } = require('../helpers/debug.js');
const { untilCollected, turns } = require('../helpers/until.js');

const makers = {
  arena: () => new Arena({ name: 'dropped' }),
  slab: () => new Slab({ sizes: [64], count: 4, name: 'dropped' }),
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
      /was not closed: nobody has it any more\n {2}made at\n {4}at .*dropped/,
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
