'use strict';

// The demo as people start it, in a process of its own.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { run } = require('./child.js');

const PROGRAM = path.join(__dirname, '..', '..', 'demo', 'run.js');

/** Runs it to its end: { code, signal, stdout, stderr }. */
const runDemo = (args, options) => run('demo', { ...options, args, path: PROGRAM });

/** A folder that is gone after the test. */
function temporary(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-test-'));
  t.teardown(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Tags of an SVG, each closed in its turn, with nothing but escaped text between. */
function isWellFormed(svg) {
  const open = [];
  const rest = svg.replace(
    /<(\/?)(\w+)((?: [\w:-]+="[^"<>&]*")*)(\/?)>/g,
    (_, end, name, __, empty) => {
      if (end === '/' && open.pop() !== name) open.push('wrong');
      if (end === '' && empty === '') open.push(name);
      return '';
    },
  );
  return open.length === 0 && !/[<>]|&(?!#\d+;)/.test(rest);
}

/** Arguments of a run that is as short as it can be. */
const BRIEF = ['--node', 'self', '--blocks', '2', '--seconds', '0.05'];

module.exports = { runDemo, temporary, isWellFormed, PROGRAM, BRIEF };
