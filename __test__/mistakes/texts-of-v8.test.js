'use strict';
// tier: run-time

// Texts of V8 and Node that users of dead Buffers meet, and search for: docs/errors.md has each, with what gives it.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { Arena } = require('../..');

const docs = fs.readFileSync(path.join(__dirname, '..', '..', 'docs', 'errors.md'), 'utf8');
const section = docs.split('## Errors of V8 and Node')[1].split('\n## ')[0];
const texts = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text]) => text);

/** What is called on a dead Buffer. */
const calls = {
  subarray: ({ dead }) => dead.subarray(1),
  slice: ({ dead }) => dead.slice(1),
  'a new view': ({ dead }) => new Uint8Array(dead.buffer),
  fill: ({ dead }) => Uint8Array.prototype.fill.call(dead, 1),
  'fill of Buffer': ({ dead }) => dead.fill(1),
  set: ({ dead }) => dead.set([1]),
  DataView: ({ view }) => view.getUint8(0),
  'slice of its ArrayBuffer': ({ dead }) => dead.buffer.slice(0),
  structuredClone: ({ dead }) => structuredClone(dead),
  readUInt32LE: ({ dead }) => dead.readUInt32LE(0),
  writeUInt32LE: ({ dead }) => dead.writeUInt32LE(1, 0),
};

const met = new Set();

for (const [name, call] of Object.entries(calls)) {
  test.serial(`${name} of a dead Buffer throws a text that docs/errors.md has`, (t) => {
    const arena = new Arena();
    const dead = arena.alloc(8);
    const view = new DataView(dead.buffer, dead.byteOffset, 8);
    arena.reset();
    let message;
    try {
      call({ dead, view });
    } catch (error) {
      message = error.message.replace('detached or out-of-bounds', 'detached'); // Node 26
    }
    const known = texts.find((text) => message?.includes(text));
    t.not(known, undefined, message);
    met.add(known);
  });
}

test.serial('docs/errors.md has no other texts', (t) => {
  t.deepEqual([...met].sort(), [...texts].sort());
});
