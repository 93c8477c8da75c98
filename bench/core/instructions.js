'use strict';

// Counts the instructions of one round of each line, by valgrind: what a noisy machine cannot
// disturb. It says nothing of caches and mispredicted branches; the `ratios` program has the times.
//
//   node bench/core/instructions.js [part of a line's name]        needs valgrind

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { cargo } = require('../../scripts/lib/cargo.js');

const ROUNDS = 200;
const PROGRAM = path.join(__dirname, 'target', 'release', 'ratios');

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: exit code ${status}\n${stderr}`);
  return { stdout, stderr };
}

/** Instructions of a whole run of so many rounds. */
function instructions(line, rival, rounds) {
  const args = ['--tool=callgrind', '--callgrind-out-file=/dev/null', PROGRAM];
  const { stderr } = run('valgrind', [...args, '--only', line, rival, String(rounds)]);
  const match = /Collected : (\d+)/.exec(stderr);
  if (!match) throw new Error(`no count in what valgrind said: ${stderr}`);
  return Number(match[1]);
}

/** Of one round, once warm: what more rounds cost more. */
function perRound(line, rival) {
  return (instructions(line, rival, 2 * ROUNDS) - instructions(line, rival, ROUNDS)) / ROUNDS;
}

function main([part = '']) {
  const manifest = path.join(__dirname, 'Cargo.toml');
  const built = ['build', '--release', '--quiet', '--manifest-path', manifest, '--bin', 'ratios'];
  if (!cargo(built)) process.exit(1);
  const lines = JSON.parse(run(PROGRAM, ['--names']).stdout);
  console.log('instructions of one round, and the ratio to the first');
  for (const [line, rivals] of Object.entries(lines).filter(([name]) => name.includes(part))) {
    console.log(line);
    const counts = rivals.map((rival) => perRound(line, rival));
    rivals.forEach((rival, index) => {
      const count = counts[index].toFixed(1).padStart(12);
      console.log(`  ${rival.padEnd(12)} ${count}  ${(counts[index] / counts[0]).toFixed(2)}`);
    });
  }
}

main(process.argv.slice(2));
