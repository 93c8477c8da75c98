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
const path = require('node:path');
const { parseArgs } = require('node:util');
const { BUFFERS } = require('./fixtures/site.js');
const { countsBetweenMarks } = require('./method/callgrind.js');
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

/** Instructions of a Buffer, of each block. A process for each way: V8 compiles none for what another one did. */
function measure(node, way, size) {
  const args = [size, ROUNDS, BLOCKS, way].map(String);
  const counts = countsBetweenMarks(node, PROGRAM, args, BLOCKS + 1);
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
