'use strict';

// Counts the machine instructions of one Buffer of a site('name') in a request, by valgrind: what a noisy machine cannot disturb. bench/site.js has the times.
//
//   node bench/site-instructions.js [--node PATH]... [--size 1024]        needs valgrind, and some of the symbols of node
//
// What is counted: all that the process executes for a block of rounds, each of 64 Buffers and a reset of their arena, once it is warm, by the Buffers. V8 compiles and
// collects in the same thread, so that a block costs what another one does, and its young generation is larger than all that is allocated: collections are in no
// figure. Of several blocks the median, and the least and the most. A block where V8 compiles again shows as one that costs more.
//
// Caveats: the site is request-bound. Instructions are no time: they say nothing of caches, of branches, and of what a processor does at once.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { BUFFERS } = require('./fixtures/site.js');
const { median } = require('./method/statistics.js');

const ROUNDS = 250;
const BLOCKS = 5;
const PROGRAM = path.join(__dirname, 'fixtures', 'site.js');

const WAYS = {
  arena: 'arena.allocUnsafe',
  store: '(storage.getStore() ?? Buffer).allocUnsafe',
  current: '(current() ?? Buffer).allocUnsafe',
  site: 'site.allocUnsafe',
};

/** callgrind writes what it counted before each call of this function of Node, and begins at 0 again. */
const MARK = 'node::Umask*';
const VALGRIND = ['--tool=callgrind', `--dump-before=${MARK}`, '--smc-check=all-non-file'];
const V8 = ['--single-threaded', '--min-semi-space-size=128', '--max-semi-space-size=128'];

/** What was counted between one mark and the next. */
function countsBetweenMarks(node, args) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  try {
    const out = path.join(folder, 'out');
    const line = [...VALGRIND, `--callgrind-out-file=${out}`, node, ...V8, PROGRAM, ...args];
    const { status, stderr, error } = spawnSync('valgrind', line, { encoding: 'utf8' });
    if (error) throw error;
    if (status !== 0) throw new Error(`valgrind ${line.join(' ')}: ${status}\n${stderr}`);
    const marks = fs.readdirSync(folder).length - 1; // the last is of the end
    const textOf = (_, i) => fs.readFileSync(`${out}.${i + 1}`, 'latin1');
    const texts = Array.from({ length: marks }, textOf);
    return texts.map((text) => Number(/^totals: (\d+)$/m.exec(text)[1]));
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

/** Instructions of a Buffer, of each block. A process for each way: V8 compiles none for what another one did. */
function measure(node, way, size) {
  const counts = countsBetweenMarks(node, [size, ROUNDS, BLOCKS, way].map(String));
  if (counts.length !== BLOCKS + 1) {
    throw new Error(`${counts.length} calls of ${MARK} were seen. Is ${node} without symbols?`);
  }
  return counts.slice(1).map((count) => count / (ROUNDS * BUFFERS));
}

function main() {
  const { values } = parseArgs({
    options: {
      node: { type: 'string', multiple: true, default: [process.execPath] },
      size: { type: 'string', default: '1024' },
    },
  });
  for (const node of values.node) {
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    console.log(
      `Node ${version}: instructions of one Buffer of ${values.size} bytes, and beyond those of the arena`,
    );
    let least;
    for (const way of Object.keys(WAYS)) {
      const blocks = measure(node, way, values.size);
      least ??= median(blocks);
      const [count, ...range] = [median(blocks), Math.min(...blocks), Math.max(...blocks)];
      const columns = [count, count - least]
        .map((number) => number.toFixed(1).padStart(8))
        .join('');
      const between = range.map((number) => number.toFixed(1)).join(' to ');
      console.log(`  ${WAYS[way].padEnd(44)}${columns}   ${between}`);
    }
  }
}

main();
