'use strict';

// A stack overflow, which programs catch, and vm's timeout stop ralloc's own JavaScript anywhere: an arena that was
// reset has all of its memory, and no Buffer from before is alive.

const test = require('ava');
const { run } = require('../helpers/child.js');

const OPERATIONS = ['alloc', 'zeroed', 'large', 'text', 'reset', 'scope', 'checkpoint', 'close'];
// In `recycle` shrink() leaves memory to the garbage collector.
const operationsOf = { detach: [...OPERATIONS, 'reserve'], recycle: OPERATIONS };

for (const how of ['stack', 'timeout']) {
  for (const safety of ['detach', 'recycle']) {
    test(`whatever ${how === 'stack' ? 'the end of the stack' : "vm's timeout"} cuts off, a reset arena has all of its memory (${safety})`, async (t) => {
      for (const operation of operationsOf[safety]) {
        const args = [how, operation, safety];
        const execArgv = ['--stack-size=120']; // KiB, so that its end is soon there
        const { result, stderr } = await run('arena/cut-off.js', { args, execArgv });
        t.deepEqual(result?.problems, [], `${args.join(', ')}: ${stderr}`);
        t.true(result.cuts > 0, args.join(', '));
      }
    });
  }
}
