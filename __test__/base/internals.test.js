'use strict';
// tier: run-time, differs by Node

// What ralloc relies on that Node does not document, and that it goes on in the plain way where a part of it is absent.

const test = require('ava');
const { execFile } = require('node:child_process');
const EventEmitter = require('node:events');
const path = require('node:path');
const { promisify } = require('node:util');
const { INTERNALS } = require('../../lib/base/internals.js');

const run = promisify(execFile);
const FIXTURE = path.join(__dirname, '..', 'fixtures', 'base', 'without.js');

test('each part says its names, and what is done without it', (t) => {
  for (const [part, { names, without }] of Object.entries(INTERNALS))
    t.true(Object.keys(names).length > 0 && without.length > 10, part);
});

test('looking for what Node has makes no emitter, which would slow down the constructors of others', (t) => {
  const { init } = EventEmitter;
  require('node:http'); // makes an agent
  const made = [];
  EventEmitter.init = function (...args) {
    made.push(this.constructor.name);
    return init.apply(this, args);
  };
  try {
    for (const { isAlike } of Object.values(INTERNALS)) isAlike?.();
    t.deepEqual(made, []);
    new EventEmitter();
    t.deepEqual(made, ['EventEmitter']);
  } finally {
    EventEmitter.init = init;
  }
});

for (const [what, gone, lacks, isReleasing] of [
  ['all parts are there', [], [], true],
  ['the state of streams has another name', ['_readableState'], ['streams'], false],
  ['a message keeps chunks elsewhere', ['outputData'], ['messages'], true],
  ['properties of sockets have other names', ['_handle', '_httpMessage', '_hadError'], [], true],
  ['a parser has no kOnBody, process no binding()', ['deleted'], ['loaded', 'texts'], false],
]) {
  test(`a server has every byte where ${what}`, async (t) => {
    const { stdout } = await run(process.execPath, [FIXTURE, ...gone]);
    const { wrong, released, missing: told } = JSON.parse(stdout);
    t.deepEqual(wrong, []);
    t.is(released > 0, isReleasing);
    t.deepEqual(told, lacks);
  });
}
