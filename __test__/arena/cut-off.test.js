'use strict';
// tier: run-time

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: an arena that was
// reset has all of its memory, and no Buffer from before is alive.

const test = require('ava');
const { run } = require('../helpers/child.js');
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
  'guard',
  'adopt',
  'close',
  'reserve',
];

for (const how of ['stack', 'timeout']) {
  for (const safety of ['detach', 'recycle']) {
    test(`whatever ${how === 'stack' ? 'the end of the stack' : "vm's timeout"} cuts off, a reset arena has all of its memory (${safety})`, async (t) => {
      for (const operation of OPERATIONS) {
        const args = [how, operation, safety];
        const execArgv = ['--stack-size=120']; // KiB, so that its end is soon there
        const { result, stderr } = await run('arena/cut-off.js', { args, execArgv });
        t.deepEqual(result?.problems, [], `${args.join(', ')}: ${stderr}`);
        t.true(result.cuts > 0, args.join(', '));
      }
    });
  }
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
