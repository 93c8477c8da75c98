'use strict';
// tier: run-time

// What is one cause, of which a person wants to hear once.

const test = require('ava').serial;
const { Arena } = require('../../lib/index.js');
const { kinds, watched } = require('../helpers/debug.js');

const take = (arena) => arena.alloc(8);
const near = (arena) => take(arena);

test('whatever has called the same two lines, it is the same cause', (t) => {
  const told = [];
  const reports = watched(t, { report: (one) => told.push(one) });
  const arena = new Arena();
  const callers = [near, (one) => near(one), (one) => [near(one)].at(0)];
  const buffers = callers.map((call) => call(arena));
  arena.reset();
  for (const buffer of buffers) buffer.toString();
  t.is(kinds(reports).length, 3);
  t.is(told.length, 1);
  t.is(told[0].count, 3);
});
