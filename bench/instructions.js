'use strict';

// Counts the machine instructions of the steps in the life of a request, a slab and a site, by valgrind, which a busy machine does not disturb: for a change
// that says it makes one of them cheaper.
//
//   node bench/instructions.js [part of a life's name] [--node PATH]...        needs valgrind, and some of the symbols of node
//
// Each step is taken by 100 requests, refills or Buffers, one after another; of five rounds the median is told, for one, and the least and the most. The
// steps are those of lives.js, warm: their functions are compiled, and the memory is that of requests before.
//
// Caveats: what happens in later turns of the loop is in no figure, nor is a collection: the young generation is larger than all that is allocated. A
// round in which V8 compiles again shows as one that costs more. Instructions are no time: they say nothing of caches, of branches, and of the system.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { LIVES } = require('./lives.js');
const { countsBetweenMarks } = require('./method/callgrind.js');
const { median } = require('./method/statistics.js');

const COUNT = 100;
const ROUNDS = 5;
const PROGRAM = path.join(__dirname, 'lives.js');

/** [name of a step, instructions of one in each round]. */
function measure(node, life) {
  const names = LIVES[life](1).flatMap(([name]) => name ?? []);
  const steps = names.length + 1; // one is empty
  const args = [life, COUNT, ROUNDS].map(String);
  const counts = countsBetweenMarks(node, PROGRAM, args, 2 * steps * ROUNDS);
  const inSteps = counts.filter((_, i) => i % 2 === 1); // the others are between two steps
  const rounds = Array.from({ length: ROUNDS }, (_, i) =>
    inSteps.slice(i * steps, (i + 1) * steps),
  );
  const costOf = (i) => rounds.map(([empty, ...each]) => (each[i] - empty) / COUNT);
  return names.map((name, i) => [name, costOf(i)]);
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { node: { type: 'string', multiple: true, default: [process.execPath] } },
  });
  const [part = ''] = positionals;
  for (const node of values.node) {
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    console.log(`Node ${version}: instructions`);
    for (const life of Object.keys(LIVES).filter((name) => name.includes(part))) {
      console.log(`  ${life}`);
      for (const [name, rounds] of measure(node, life)) {
        const [count, ...range] = [median(rounds), Math.min(...rounds), Math.max(...rounds)].map(
          (number) => number.toFixed(0),
        );
        console.log(`    ${name.padEnd(36)}${count.padStart(8)}   ${range.join(' to ')}`);
      }
    }
  }
  process.exit();
}

main();
