'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: an arena that was
// reset has all of its memory, and no Buffer from before is alive.

const test = require('ava');
const { addsUp } = require('../helpers/cut-off.js');
const { fresh } = require('../helpers/fresh.js');
const native = require('../../lib/memory/native.js');

const OPERATIONS = [
  'alloc',
  'zeroed',
  'large',
  'text',
  'reset',
  'scope',
  'checkpoint',
  'held',
  'guard',
  'adopt',
  'close',
  'reserve',
];

for (const [how, safety] of [
  ['stack', 'detach'],
  ['stack', 'recycle'],
  ['timeout', 'detach'],
]) {
  const what = how === 'stack' ? 'the end of the stack' : "vm's timeout";
  test(`whatever ${what} cuts off, a reset arena has all of its memory (${safety})`, async (t) => {
    await addsUp(t, 'arena/cut-off.js', [how, safety], OPERATIONS);
  });
}

test('a reset that is cut off in a detach leaves nothing in quarantine, and the next one does all of it', (t) => {
  let ends = true;
  // What the end of the stack does to any call: Node 20 and the fallback detach by one of the memory below.
  const endOfStack = () => {
    if (ends) throw new RangeError('Maximum call stack size exceeded');
  };
  class LeasedArena extends native.LeasedArena {
    renew(...span) {
      endOfStack();
      return super.renew(...span);
    }
  }
  const ralloc = fresh('index.js', { 'memory/native.js': { ...native, LeasedArena } });
  const arena = new ralloc.Arena();
  const buffer = arena.alloc(10);
  buffer.buffer.transfer = endOfStack;
  t.throws(() => arena.reset(), { message: /call stack/ });
  t.is(arena.stats().memory.quarantined, 0);
  ends = false;
  delete buffer.buffer.transfer;
  arena.reset();
  t.is(buffer.length, 0);
  t.is(arena.stats().memory.leased, 65536, 'in place');
  arena.close();
});
