'use strict';

// Counts the machine instructions of the steps in the life of a request, a slab and a site, by
// valgrind, which a busy machine does not disturb: for a change that says it makes one of them
// cheaper.
//
//   node bench/instructions.js [part of a life's name] [--node PATH]...
//   node bench/instructions.js small [part of a scenario's name] [--node PATH]...
//
// It needs valgrind, and some of the symbols of node. `small` has the servers of
// operations/small.js, whole requests.
//
// Each step is taken by 100 requests, refills or Buffers, one after another; of five rounds the
// median is told, for one, and the least and the most. The steps are those of lives.js, warm: their
// functions are compiled, and the memory is that of requests before.
//
// Caveats: what happens in later turns of the loop is in no figure, nor is a collection: the young
// generation is larger than all that is allocated. A round in which V8 compiles again shows as one
// that costs more. What V8 inlines depends on what else happens while it compiles: a server of
// `small` may be a percent dearer by a change that does nothing in a request. Instructions are no
// time: they say nothing of caches, of branches, and of the system.

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { LIVES } = require('./lives.js');
const { countsBetweenMarks } = require('./method/callgrind.js');
const { SCENARIOS } = require('./operations/small.js');
const { median } = require('../tools/compare/statistics.js');

const COUNT = 100;
const ROUNDS = 5;
const REQUESTS = 300; // of small servers
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

/**
 * Prints what a request of each server of operations/small.js takes, beside the first one's; a
 * scenario's name contains `part`.
 */
function measureSmall(node, part) {
  const program = path.join(__dirname, 'operations', 'parts', 'small-servers.js');
  for (const [name, [servers, size]] of Object.entries(SCENARIOS)) {
    if (!name.includes(part)) continue;
    console.log(`  ${name}`);
    let base;
    for (const server of servers) {
      const args = [server, size, REQUESTS, 3].map(String);
      const counts = countsBetweenMarks(node, program, args, 2 * 3);
      const cost = median(counts.filter((_, i) => i % 2 === 1)) / REQUESTS;
      base ??= cost;
      console.log(
        `    ${server.padEnd(40)}${cost.toFixed(0).padStart(8)}   ${(cost / base).toFixed(3)} ×`,
      );
    }
  }
}

function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { node: { type: 'string', multiple: true, default: [process.execPath] } },
  });
  const [part = '', scenario = ''] = positionals;
  const lives = Object.keys(LIVES).filter((name) => name.includes(part));
  if (lives.length === 0 && part !== 'small') {
    const names = ['small', ...Object.keys(LIVES)].map((name) => `"${name}"`);
    console.error(`instructions: there is no "${part}"; there are ${names.join(', ')}`);
    process.exit(2);
  }
  for (const node of values.node) {
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    console.log(`Node ${version}: instructions`);
    if (part === 'small') measureSmall(node, scenario);
    for (const life of lives) {
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
