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

/** How many functions of the name are on the stack where `call` ends in an error of `limit`. */
function layersOf(t, name, call) {
  let layers;
  const { prepareStackTrace, stackTraceLimit } = Error;
  Error.stackTraceLimit = 100;
  Error.prepareStackTrace = (_error, sites) => sites.length;
  const argument = {
    valueOf() {
      layers = new Error(name).stack;
      return 0;
    },
  };
  try {
    call(argument);
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit });
  }
  t.is(typeof layers, 'number');
  return layers;
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
  const depth = () => layersOf(t, 'toString', (end) => Buffer.from('text').toString('latin1', end));
  const depths = [];
  const before = depth();
  for (let i = 0; i < 5; i++) {
    level('full');
    level('full', other);
    level('off');
    level('off', other);
    depths.push(depth() - before);
  }
  t.true(Math.max(...depths) <= 2, String(depths));
  level('full');
  level('off');
  t.is(Buffer.prototype.toString, own);
});
