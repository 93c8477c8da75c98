'use strict';
// tier: tools

const test = require('ava');
const { divide, parse } = require('../../bench/method/cpus.js');

const single = (n) => [n];

test('a list of processors', (t) => {
  t.deepEqual(parse('0-3\n'), [0, 1, 2, 3]);
  t.deepEqual(parse('0,2-3,7'), [0, 2, 3, 7]);
  t.deepEqual(parse('5'), [5]);
});

test('the client has the first processor and the servers the others', (t) => {
  t.deepEqual(divide([0, 1], single), { client: '0', servers: '1' });
  t.deepEqual(divide([2, 3, 6], single), { client: '2', servers: '3,6' });
});

test('with one processor there is nothing to divide, nor where none is known', (t) => {
  t.is(divide([0], single), null);
  t.is(divide([], single), null);
});

test('what shares the client’s core is left idle, unless nothing else is there', (t) => {
  const pairs = (n) => [n & ~1, n | 1];
  t.deepEqual(divide([0, 1, 2, 3], pairs), { client: '0', servers: '2,3' });
  t.deepEqual(divide([0, 1], pairs), { client: '0', servers: '1' });
});
