'use strict';
// tier: run-time

// The texts of reports: each kind can be told whatever is known.

const test = require('ava');
const { kinds } = require('../../lib/debug/kinds.js');
const { Trace } = require('../../lib/debug/trace.js');

const facts = {
  of: "the slab 'frames'",
  size: 2048,
  request: 'GET /orders',
  age: 1234.5,
  how: 'freed',
  endedBy: 'POST /end',
  use: 'fs.writeSync()',
  detail: '4 bytes from its byte 16 on',
};

for (const [kind, { code, text }] of Object.entries(kinds)) {
  test(`${kind}: its text says what happened, where, and what to do`, (t) => {
    t.is(code, `RALLOC_W_${kind.toUpperCase().replaceAll('-', '_')}`);
    const trace = Trace.take();
    const stacks = { allocated: trace, ended: trace, used: trace, operation: trace };
    for (const one of [{}, facts, { ...facts, ...stacks }]) {
      for (const count of [1, 3]) {
        const lines = text({ count, bytes: count * 2048, ...one }).split('\n');
        t.notRegex(lines.join('\n'), /undefined|null|NaN|\[object/);
        t.regex(lines[0], /^[a-z0-9]/);
        t.regex(lines.at(-1), /^ {2}[A-Z].*[^.]$/);
        const at = lines.filter((line) => line === String(trace).split('\n')[0]);
        t.is(at.length, Object.keys(one).filter((key) => key in stacks).length);
      }
    }
  });
}
