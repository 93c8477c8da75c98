'use strict';
// tier: run-time

// Whether a thread has little to do: what collectWhenIdle waits for.

const { serial: test } = require('ava');
const { Quiet } = require('../../lib/region/collector.js');
const { turns } = require('../helpers/until.js');

function work(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test('at first nobody knows', (t) => {
  t.false(new Quiet().look());
});

test('a thread that works is not quiet', (t) => {
  const quiet = new Quiet();
  quiet.look();
  for (let i = 0; i < 3; i++) {
    work(50);
    t.false(quiet.look());
  }
});

test('nor is one that works in every turn of its loop', async (t) => {
  const quiet = new Quiet();
  quiet.look();
  for (let turn = 0; turn < 20; turn++) {
    work(10);
    await new Promise(setImmediate);
  }
  t.false(quiet.look());
});

test('one that waits is', async (t) => {
  const quiet = new Quiet();
  quiet.look();
  // On a busy machine a turn that does nothing can take long too.
  for (let tries = 0; tries < 50; tries++) {
    await turns(100);
    if (quiet.look()) return t.pass();
  }
  t.fail();
});
