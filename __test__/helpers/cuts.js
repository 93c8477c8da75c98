'use strict';

// Cuts an operation off exactly at its nth call of the memory below or of a timer, as where the stack ends, which throws there, or as vm's timeout
// and SIGINT do, of which no catch and no finally hears. cut-off.js does it anywhere.

const test = require('ava');
const memory = require('../../lib/memory/native.js');
const time = require('../../lib/base/time.js');
const { hasTransfer } = require('../../lib/base/runtime.js');
const { needsInterrupt } = require('./needs.js');
const { stopped } = require('./stopped.js');

const methodsOf = ({ prototype }) =>
  Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor');

/** Where a call can be cut off: [object, names of its functions]. */
const PLACES = [
  [memory.LeasedArena.prototype, methodsOf(memory.LeasedArena)],
  [memory.slabs(false).LeasedSlab.prototype, methodsOf(memory.slabs(false).LeasedSlab)],
  [ArrayBuffer.prototype, hasTransfer ? ['transfer'] : []],
  [time, ['now', 'setTimeout', 'clearTimeout', 'outside']],
];

const OVERFLOW = 'Maximum call stack size exceeded';

/** What cuts off: `call` calls the operation, `cut` is called in it. */
const ways = {
  'where the stack ends': {
    throws: true,
    call(operation) {
      try {
        operation();
      } catch (error) {
        if (error?.message !== OVERFLOW) throw error;
      }
    },
    cut() {
      throw new RangeError(OVERFLOW);
    },
  },
  'where it is stopped': {
    throws: false,
    call: stopped,
    cut() {
      process.kill(process.pid, 'SIGINT');
      for (;;);
    },
  },
};

/** Calls `operation`, which is cut off at its `nth` call: whether it has so many. */
function cutAt(nth, { call, cut }, operation) {
  let left = nth;
  const originals = PLACES.map(([object, names]) => names.map((name) => object[name]));
  const cutting = (original) =>
    function cuts(...args) {
      left--;
      if (left === 0) cut();
      return Reflect.apply(original, this, args);
    };
  const put = (replace) => {
    PLACES.forEach(([object, names], place) => {
      names.forEach((name, i) => {
        object[name] = replace(originals[place][i]);
      });
    });
  };
  put(cutting);
  try {
    call(operation);
  } finally {
    put((original) => original);
  }
  return left <= 0;
}

/**
 * Tests, for each way, what is left of an operation that is cut off: `scenario(t, cutting, when, throws)` is called for each of its calls, with a
 * cutting(operation) that cuts off at that one, and once for the operation as it is. `throws`: catch and finally hear of it.
 */
function cutsTest(title, scenario) {
  for (const [name, way] of Object.entries(ways)) {
    const run = name === 'where it is stopped' ? needsInterrupt : test;
    run(`${title}, ${name}`, (t) => {
      let cuts = 0;
      for (let isCut = true; isCut; cuts++) {
        const cutting = (operation) => {
          isCut = cutAt(cuts + 1, way, operation);
        };
        scenario(t, cutting, `cut at call ${cuts + 1}`, way.throws);
      }
      t.true(cuts > 1);
    });
  }
}

module.exports = { cutsTest };
