'use strict';
// tier: run-time

// Functions that debug mode replaces, beside what a program's tests put in their place.

const { serial: test } = require('ava');
const { Arena, configureDebug } = require('../..');
const { fresh } = require('../helpers/fresh.js');

/** Of ralloc, and of Node. */
const PLACES = [
  [Arena.prototype, 'allocUnsafe'],
  [Buffer.prototype, 'toString'],
];

const level = (value, copy = { configureDebug }) => copy.configureDebug({ level: value });

/** As a spy: what it replaces is called. Returns what takes it off. */
function spyOn(object, name) {
  const before = object[name];
  object[name] = function (...args) {
    return Reflect.apply(before, this, args);
  };
  return () => {
    object[name] = before;
  };
}

/** How deep the stack is where Buffer#toString() asks for a number that it was given. */
function depthOfToString() {
  let depth;
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  Error.prepareStackTrace = (_error, sites) => sites.length;
  const end = {
    valueOf() {
      depth = new Error().stack;
      return 0;
    },
  };
  try {
    Buffer.from('text').toString('latin1', end);
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
  return depth;
}

test.afterEach.always(() => level('off'));

for (const [object, name] of PLACES) {
  test(`${name}: a spy of it that is made while debug mode is on, and taken off afterwards, leaves what the next time puts back`, (t) => {
    const own = object[name];
    for (let i = 0; i < 3; i++) {
      level('full');
      const takeOff = spyOn(object, name);
      level('off');
      takeOff();
    }
    level('full');
    level('off');
    t.is(object[name], own);
  });
}

test('copies that are turned on and off in turns never stand on each other twice', (t) => {
  const other = fresh('index.js');
  const own = Buffer.prototype.toString;
  const depths = [];
  const before = depthOfToString();
  t.is(typeof before, 'number');
  for (let i = 0; i < 5; i++) {
    level('full');
    level('full', other);
    level('off');
    level('off', other);
    depths.push(depthOfToString() - before);
  }
  t.true(Math.max(...depths) <= 2, String(depths));
  level('full');
  level('off');
  t.is(Buffer.prototype.toString, own);
});
