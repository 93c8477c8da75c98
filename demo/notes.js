'use strict';

// What the demo says around its table: what was run, how to read it, and what it does not show.

const os = require('node:os');
const { turns } = require('./options.js');
const { sum } = require('./stats.js');

function header({ version, backend, summary: { count, bytes, sha256 } }) {
  const cpus = os.cpus();
  return [
    `Node ${version}, ralloc's ${backend} backend; ${cpus.length} × ${cpus[0].model.trim()}, ${os.platform()} ${os.arch()}`,
    `${count} files, ${(bytes / 1e6).toFixed(1)} MB, sha256 ${sha256}`,
  ].join('\n');
}

function durations(options) {
  return options.servers.map((server) => {
    const { warm, closed, fixed } = turns(options, server);
    return `  ${server}: ${warm} s of warm-up, ${options.rounds} × ${closed} s full, ${options.rounds} × ${fixed} s at the fixed rate`;
  });
}

function named(rows) {
  return rows.map(({ run }) => `${run.mix} ${run.server} ${run.allocator}`).join(', ');
}

function notes(options, rows, unable) {
  const bound = rows.filter(({ clientBusy }) => clientBusy > 0.95);
  const fellBack = rows.filter(({ heapFallbacks }) => heapFallbacks > 0);
  const lines = [
    `Medians of ${options.rounds} interleaved rounds, ± half their range; ratios to allocUnsafe, ≈ where the rounds overlap:`,
    'no difference. Each row is a process of its own, alive through all rounds. Turns:',
    ...durations(options),
    'req/s and "CPU µs full": a closed loop over 50 kept-alive connections. All the rest: the same',
    "fixed rate for all, 60 % of allocUnsafe's req/s, latencies from the intended start. CPU: all",
    "threads of the server, per request. GC: per 10,000 requests. RSS: the peak of the process's life.",
    `${sum(rows.map(({ run }) => run.verified)).toLocaleString('en-US')} answers were compared byte for byte.`,
    'Not measured: a network, and a client on another machine: here it shares the cores.',
  ];
  if (options.peers) {
    lines.push(
      'allocUnsafe-semi64: --max-semi-space-size=64; allocUnsafe-newspace8:',
      '--scavenger-max-new-space-capacity-mb=8; pool: thirty lines by hand, see demo/pool.js.',
    );
  }
  if (unable.length > 0) lines.push(`This Node does not know the flag of: ${unable.join(', ')}.`);
  if (bound.length > 0) lines.push(`The client was the limit of req/s in: ${named(bound)}.`);
  if (fellBack.length > 0) lines.push(`Some requests had heap Buffers in: ${named(fellBack)}.`);
  return lines.join('\n');
}

function proofText({ pool, ralloc }) {
  const line = ({ length, shows }) => `${length} bytes, "${shows}"`;
  return [
    'Anna posts a note, and the handler keeps its Buffer past the response; then Bert posts one.',
    "What does Anna's Buffer show now?",
    `  a pool by hand: ${line(pool)}`,
    `  ralloc:         ${line(ralloc)}`,
  ].join('\n');
}

module.exports = { header, notes, proofText };
