'use strict';

// Counts the instructions that a program executes between its calls of process.umask(), by
// valgrind.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/**
 * callgrind writes what it counted before each call of this function of Node, and begins at 0
 * again.
 */
const MARK = 'node::Umask*';
const VALGRIND = ['--tool=callgrind', `--dump-before=${MARK}`, '--smc-check=all-non-file'];
const V8 = [
  '--single-threaded',
  '--expose-gc',
  '--min-semi-space-size=128',
  '--max-semi-space-size=128',
];

/** What was counted before each of the `marks` marks, since the one before it. */
function countsBetweenMarks(node, program, args, marks) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  try {
    const out = path.join(folder, 'out');
    const line = [...VALGRIND, `--callgrind-out-file=${out}`, node, ...V8, program, ...args];
    const { status, stderr, error } = spawnSync('valgrind', line, { encoding: 'utf8' });
    if (error) throw error;
    if (status !== 0) throw new Error(`valgrind ${line.join(' ')}: ${status}\n${stderr}`);
    const seen = fs.readdirSync(folder).length - 1; // the last is of the end
    if (seen !== marks)
      throw new Error(
        `${seen} calls of ${MARK} were seen, of ${marks}. Is ${node} without symbols?`,
      );
    const textOf = (_, i) => fs.readFileSync(`${out}.${i + 1}`, 'latin1');
    const texts = Array.from({ length: marks }, textOf);
    return texts.map((text) => Number(/^totals: (\d+)$/m.exec(text)[1]));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

module.exports = { countsBetweenMarks };
