'use strict';

// What the demo says around its figures.

const os = require('node:os');
const { verdict } = require('./screen.js');
const { NAMES, titleOf } = require('./servers/index.js');

const NEXT = [
  'Next: npm run demo -- --long --mix frame   the tail, and memory over a minute',
  '      npm run demo -- --all                every mix, server and rival',
].join('\n');

/** What the figures of a run hold for. */
function machine() {
  const cpu = (os.cpus()[0]?.model ?? 'unknown processor').trim();
  const { platform, arch } = process;
  return { cpu, cores: os.availableParallelism(), platform, arch };
}

const list = new Intl.ListFormat('en');

function headLine({ version, backend }, servers) {
  const on = list.format(servers.map(titleOf));
  const count = os.availableParallelism();
  return `ralloc (${backend}) on ${on}, Node.js ${version}, ${os.platform()} ${os.arch()}, ${count} cores`;
}

function pinning(processors) {
  return processors
    ? `Client on processor ${processors.client}, servers on ${processors.servers}.`
    : 'Client and servers share processors: there is one, or they cannot be pinned here.';
}

function filesLine({ count, bytes, sha256 }) {
  return `${count} files, ${(bytes / 1e6).toFixed(1)} MB, sha256 ${sha256}`;
}

function proofLines({ pool, ralloc }) {
  const shown = ({ length, shows }) => (length === 0 ? 'nothing: it is dead' : `"${shows}"`);
  return [
    `Anna's Buffer, kept past its response, shows after Bert's request, in a pool by`,
    `hand: ${shown(pool)}; in ralloc ${shown(ralloc)}.`,
  ];
}

/** The system's own Node, in a line. */
function ownLine(rows) {
  const { run } = rows.find((row) => row.run.allocator === 'ralloc');
  const { rps, fullCpuUs } = run.ratio;
  const on = run.server === NAMES[0] ? '' : ` on ${titleOf(run.server)}`;
  return `frame${on} on this machine's ${run.node}:\n requests/s ${verdict(rps)}, CPU ${verdict(fullCpuUs)}`;
}

const named = (rows) =>
  rows
    .map(
      ({ run }) => `${run.mix}${run.server === NAMES[0] ? '' : ` ${run.server}`} ${run.allocator}`,
    )
    .join(', ');

/** What a reader has to know of these figures and no other run's. */
function warnings(rows, unable) {
  const bound = rows.filter(({ clientBusy }) => clientBusy > 0.95);
  const fellBack = rows.filter(({ heapFallbacks }) => heapFallbacks > 0);
  const lines = [];
  if (unable.length > 0) lines.push(`This Node does not know the flag of: ${unable.join(', ')}.`);
  if (bound.length > 0) lines.push(`The client was the limit of requests/s in: ${named(bound)}.`);
  if (fellBack.length > 0) lines.push(`Some requests had heap Buffers in: ${named(fellBack)}.`);
  return lines;
}

const mb = (bytes) => Math.round(bytes / 1e6);

/** A minute at the fixed rate: the tail, and memory every tenth of the time. */
function steadyLines(rows) {
  const { mix, server } = rows[0].run;
  const lines = [
    `${mix}, ${server}: a minute at ${Math.round(rows[0].run.steady.rate)} requests/s, each server alone`,
  ];
  for (const { run } of rows) {
    const { p99, p999, resident } = run.steady;
    const every = Math.max(1, Math.floor(resident.length / 10));
    const over = resident.filter((_, n) => n % every === 0).map(mb);
    lines.push(
      `  ${run.allocator.padEnd(18)} p99 ${p99.toFixed(2)} ms, p99.9 ${p999.toFixed(2)} ms, RSS ${over.join(' ')} MB`,
    );
  }
  return lines;
}

module.exports = {
  ...{ machine, headLine, pinning, filesLine, proofLines, ownLine, warnings, steadyLines },
  NEXT,
};
