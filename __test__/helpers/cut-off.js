'use strict';

// Cuts operations off: where the stack ends each call in them fails with a RangeError at some depth, and vm's timeout
// stops them at any call and any turn of a loop, without a catch or finally.

const vm = require('node:vm');
const { run } = require('./child.js');

const isOverflow = (error) => error instanceof RangeError && error.code === undefined;

/**
 * Goes down to the end of the stack, and on the way up calls `attempt` at every depth, until it succeeded `enough`
 * times in a row: by then the stack has room for all of it. `width`: a part of the size of the frames, so
 * that other runs end at other calls. Returns how many attempts the stack had no room for.
 */
function atTheEndOfTheStack(width, attempt, enough = 6) {
  const extra = new Array(width % 23).fill(0);
  let overflows = 0;
  let successes = 0;
  const step = () => {
    if (successes >= enough) return;
    try {
      attempt();
      successes++;
    } catch (error) {
      if (!isOverflow(error)) throw error;
      overflows++;
      successes = 0;
    }
  };
  const descend = (...frame) => {
    try {
      descend(...frame);
    } catch (error) {
      if (!isOverflow(error)) throw error;
    }
    step();
  };
  // Frames in between, so that the end also shifts by what arguments alone do not reach.
  const shift = (left) => (left === 0 ? descend(...extra) : (shift(left - 1) ?? left));
  shift(width % 7);
  return overflows;
}

const script = new vm.Script('for (;;) attempt();');

/** Calls `attempt` until a time is over that differs from one `round` to the next; returns 1, if it was so stopped. */
function byTimeout(round, attempt) {
  try {
    script.runInNewContext({ attempt }, { timeout: 1 + (round % 2) });
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
  }
  return 1;
}

/** Runs a program that cuts `operations` off, which are its last arguments: all were cut off, and nothing is amiss. */
async function addsUp(t, program, args, operations) {
  const execArgv = ['--expose-gc', '--stack-size=120']; // KiB, so that its end is soon there
  const { result, stderr } = await run(program, { args: [...args, ...operations], execArgv });
  for (const operation of operations) {
    const found = result?.[operation];
    t.deepEqual(found?.problems, [], `${operation}: ${stderr}`);
    t.true(found.cuts > 0, operation);
  }
}

module.exports = { addsUp, atTheEndOfTheStack, byTimeout };
