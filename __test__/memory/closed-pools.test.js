'use strict';
// tier: run-time

// Which memory of a closed arena the next arena of the same settings gets, warm, and for how long it is there.

const test = require('ava');
const { Clock } = require('../helpers/clock.js');
const { fresh } = require('../helpers/fresh.js');
const { nativeTest } = require('../helpers/backend.js');
const native = require('../../lib/memory/native.js');

const KiB = 1024;

/** The body of a test on a fresh ralloc, in a clock that it moves. */
function inClock(body) {
  return (t) => {
    const clock = new Clock();
    let count = 0;
    class LeasedArena extends native.LeasedArena {
      release(...args) {
        count++;
        return super.release(...args);
      }
    }
    const { Arena } = fresh('index.js', { 'memory/native.js': { ...native, LeasedArena } });
    /** Uses `bytes` of a new arena and closes it. */
    const useAndClose = (options, bytes = 10) => {
      const arena = new Arena(options);
      arena.allocUnsafe(bytes);
      arena.close();
    };
    /** The warm bytes that a new arena begins with. */
    const inherited = (options) => new Arena(options).stats().memory.warm;
    const given = () => count; // spans, to the depot
    clock.use(() => body(t, { Arena, clock, useAndClose, inherited, given }));
  };
}

const clockTest = (title, body) => test(title, inClock(body));

clockTest(
  'the memory of a closed arena waits, warm, for the next of the same settings',
  (t, env) => {
    const { useAndClose, inherited } = env;
    useAndClose({}, 60 * KiB);
    t.is(inherited({}), 64 * KiB);
    t.is(inherited({}), 0, 'for one of them');
  },
);

clockTest('that of the arena that closed last goes first', (t, { Arena, inherited }) => {
  const arenas = [128, 256, 512].map((size) => {
    const arena = new Arena();
    arena.allocUnsafe(size * KiB);
    return arena;
  });
  for (const arena of arenas) arena.close();
  t.deepEqual(
    [1, 2, 3, 4].map(() => inherited() / KiB),
    [512, 256, 128, 0],
  );
});

const others = {
  maxBytes: { maxBytes: 1000 * KiB },
  chunkSize: { chunkSize: 128 * KiB },
  wipe: { wipe: true },
  safety: { safety: 'recycle' },
};

for (const [name, other] of Object.entries(others)) {
  clockTest(`an arena of another ${name} gets none of it`, (t, { useAndClose, inherited }) => {
    useAndClose({});
    t.is(inherited(other), 0);
    t.is(inherited({}), 64 * KiB);
  });
}

nativeTest(
  'nor does one of another kind of memory',
  'it has one kind',
  inClock((t, { useAndClose, inherited }) => {
    useAndClose({});
    t.is(inherited({ memory: { prefault: true } }), 0);
    t.is(inherited({}), 64 * KiB);
  }),
);

clockTest('the name and the alignment make no difference', (t, { useAndClose, inherited }) => {
  useAndClose({ name: 'first', align: 64, holdMs: 5 });
  t.is(inherited({ name: 'second', align: 1 }), 64 * KiB);
});

clockTest('eight wait at most: for the ninth the first goes', (t, { useAndClose, inherited }) => {
  const settings = Array.from({ length: 9 }, (_, i) => ({ maxBytes: (1000 + i) * KiB }));
  for (const options of settings.slice(0, 8)) useAndClose(options);
  t.is(inherited(settings[0]), 64 * KiB);
  useAndClose(settings[0]); // the youngest again
  useAndClose(settings[8]);
  t.deepEqual(
    settings.map(inherited).map((bytes) => bytes / KiB),
    [64, 0, 64, 64, 64, 64, 64, 64, 64],
  );
});

clockTest('the memory of the first is given back then, at once', (t, { given, useAndClose }) => {
  for (let i = 0; i < 8; i++) useAndClose({ maxBytes: (1000 + i) * KiB });
  t.is(given(), 0);
  useAndClose({ maxBytes: 1008 * KiB });
  t.is(given(), 1);
});

clockTest('more than 1 MiB does not wait', (t, { useAndClose, inherited }) => {
  useAndClose({ chunkSize: 1024 * KiB });
  t.is(inherited({ chunkSize: 1024 * KiB }), 1024 * KiB);
  useAndClose({ chunkSize: 1028 * KiB });
  t.is(inherited({ chunkSize: 1028 * KiB }), 0);
});

clockTest('an arena with memory that is held leaves nothing', (t, { Arena, inherited }) => {
  const arena = new Arena();
  arena.allocUnsafe(60 * KiB);
  const hold = arena.hold();
  arena.reset();
  arena.allocUnsafe(60 * KiB);
  arena.close();
  t.is(inherited({}), 0);
  hold.release();
  t.is(inherited({}), 0, 'nor later');
});

for (const safety of ['gc', 'recycle']) {
  clockTest(`nor does one whose Buffers live on (${safety})`, (t, { useAndClose, inherited }) => {
    useAndClose({ safety });
    t.is(inherited({ safety }), 0);
  });
}

clockTest('after a second without use it is given back', (t, { clock, useAndClose, inherited }) => {
  useAndClose({});
  clock.pass(999);
  t.is(inherited({}), 64 * KiB);
  useAndClose({});
  clock.pass(2001);
  t.is(inherited({}), 0);
});

nativeTest(
  'so is memory that was asked to be there',
  'it has none',
  inClock((t, { clock, useAndClose, inherited }) => {
    const options = { memory: { prefault: true } };
    useAndClose(options);
    t.is(inherited(options), 64 * KiB);
    useAndClose(options);
    clock.pass(2001);
    t.is(inherited(options), 0);
  }),
);

clockTest('the next arena counts from its own beginning', (t, { Arena, useAndClose }) => {
  useAndClose({}, 500 * KiB);
  const { mapped, recycled, peak, used } = new Arena().stats().memory;
  t.deepEqual([mapped, recycled, peak], [0, 0, used]);
});
