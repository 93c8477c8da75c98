'use strict';

// `ralloc holders`: shows what keeps Buffers alive, and which lines allocated them.

const path = require('node:path');
const { formatBytes } = require('../../lib/base/bytes.js');
const { RallocError } = require('../../lib/base/errors.js');
const { Graph } = require('../holders/graph.js');
const { ProfiledSites, holdersOf } = require('../holders/holders.js');
const { Profile } = require('../recorder/profile.js');
const { OK, UsageError, count, print } = require('./print.js');

const summary = 'show what holds Buffers in a heap snapshot';
const usage = `Usage: ralloc holders [options] [BEFORE] SNAPSHOT [PROFILE]

Reads a heap snapshot of V8 and shows by which paths objects hold ArrayBuffers,
those with the most bytes first. BEFORE, an earlier snapshot of the same
process, leaves what has come since. Buffers that a recorder sampled have the
line that allocated them; PROFILE adds how much that line allocated. If the
process had no recorder, PROFILE guesses lines by sizes.

      --json  prints the same as JSON

To get a snapshot: ralloc profile --snapshot-above 512m -- node app.js (or
--snapshot-signal SIGUSR2), or profiler.snapshot() of ralloc.

Example: ralloc holders app.1234.1.heapsnapshot app.jsonl

Exit codes: 0 done, 1 if a file cannot be read, is damaged or of another
process, 2 wrongly called.`;

const MOST = 10; // ways to show
const LEAST = 0.01; // a way with a smaller part of all bytes is not shown
const [FIRST, LAST] = [3, 9]; // steps to show of a long way
const MOST_SITES = 4; // sites to show for a way
const MOST_FRAMES = 5;

/**
 * `{ before, after, file }`: one or two snapshots, of which the first may have any name, and a
 * profile.
 */
function filesOf([first, ...others]) {
  const isSnapshot = (name) => path.extname(name) === '.heapsnapshot';
  const [file, ...moreProfiles] = others.filter((name) => !isSnapshot(name));
  const [second, ...moreSnapshots] = others.filter(isSnapshot);
  if (first === undefined || moreProfiles.length + moreSnapshots.length > 0)
    throw new UsageError(
      'Give a heap snapshot, or an earlier one before it (*.heapsnapshot), and one profile at most',
    );
  return second === undefined ? { after: first, file } : { before: first, after: second, file };
}

const otherError = (file, snapshot) =>
  new RallocError(
    'ERR_RALLOC_PROFILE_FOREIGN',
    `${file} and ${snapshot} are of two processes. Give what one process wrote in one run`,
    { file },
  );

function withGraph(file, ids, act) {
  const graph = new Graph(file, ids);
  try {
    return act(graph);
  } finally {
    graph.close();
  }
}

const sumText = ({ bytes, count: number }) =>
  `${formatBytes(bytes)} in ${count(number, 'ArrayBuffer')}`;

function lineText(line, { id, bytes, count: number }, profiled, isGuess) {
  const where = line.replace(path.join(process.cwd(), path.sep), '');
  const { allocated, stack } = profiled?.of(id) ?? {};
  const all = allocated === undefined ? '' : `, of ${formatBytes(allocated)} that it allocated`;
  const text = `  ${isGuess ? 'perhaps ' : ''}allocated by ${where}: ${formatBytes(bytes)} in ${number}${all}`;
  if (!(stack?.length > 1)) return text;
  return `${text}\n    ${stack.slice(0, MOST_FRAMES).join(' ← ')}`;
}

/** A path is read top down, an edge a line. */
const stepText = (step, depth) => `${'  '.repeat(depth + 1)}${depth === 0 ? '' : '→ '}${step}`;

function groupText({ way, came, stayed, lines }, profiled, isGuess) {
  const isLong = way.length > FIRST + LAST + 1;
  const steps = isLong ? [...way.slice(0, FIRST), '…', ...way.slice(-LAST)] : way;
  const more = stayed.count === 0 ? '' : ` beside ${formatBytes(stayed.bytes)} from before,`;
  const held =
    steps.length === 0
      ? 'held by no object: by native code, or by nobody any more'
      : `held by\n${steps.map(stepText).join('\n')}`;
  const shown = [...lines].sort((a, b) => b[1].bytes - a[1].bytes).slice(0, MOST_SITES);
  return [
    `${sumText(came)},${more} ${held}`,
    ...shown.map(([line, sum]) => lineText(line, sum, profiled, isGuess)),
  ].join('\n');
}

/** What a snapshot holds, as JSON. */
function jsonOf({ came, stayed, groups }, profiled, isGuess) {
  const lineOf = ([line, { id, bytes, count: number }]) => {
    const { allocated, stack } = profiled?.of(id) ?? {};
    return { line, bytes, count: number, allocated, stack, isGuess };
  };
  const held = groups.map(({ way, lines, ...sums }) => ({
    ...{ path: way, came: sums.came, stayed: sums.stayed },
    lines: Array.from(lines, lineOf),
  }));
  return JSON.stringify({ came, stayed, held }, null, 2);
}

/** The text about what a snapshot holds. `known`: the ids of what an earlier one held. */
function textOf(graph, { known, profile, isJson }) {
  const profiled = profile && new ProfiledSites(profile);
  const isGuess = profile !== undefined && !graph.isRecorded;
  const found = holdersOf(graph, known, isGuess ? profiled : undefined);
  const { came, stayed, groups } = found;
  if (isJson) return { text: jsonOf(found, profiled, isGuess), stayed };
  const shown = groups.filter((group) => group.came.bytes > came.bytes * LEAST).slice(0, MOST);
  const rest = groups.slice(shown.length).reduce((bytes, group) => bytes + group.came.bytes, 0);
  const texts = [
    known === undefined
      ? sumText(came)
      : `${sumText(came)} came and are held; ${sumText(stayed)} were there before`,
    ...shown.map((group) => groupText(group, profiled, isGuess)),
  ];
  if (rest > 0) texts.push(`${formatBytes(rest)} more are held in other ways`);
  if (isGuess) texts.push('The lines are guesses, by sizes alone: the process was not recorded.');
  else if (!graph.isRecorded) {
    texts.push('No lines are known: the process was not recorded. See: ralloc help holders');
  }
  return { text: texts.join('\n\n'), stayed };
}

function run({ json: isJson }, positionals) {
  const { before, after, file } = filesOf(positionals);
  const profile = file === undefined ? undefined : Profile.read(file);
  const ids = profile?.recorders.map(({ id }) => id);
  const known =
    before && withGraph(before, [], (graph) => new Set(Array.from(graph.memory(), ({ id }) => id)));
  const { text, stayed } = withGraph(after, ids, (graph) => {
    if (graph.isRecorded && ids?.some((id) => graph.has(id)) === false)
      throw otherError(file, after);
    return textOf(graph, { known, profile, isJson });
  });
  if (known !== undefined && stayed.count === 0) throw otherError(before, after);
  print(text);
  return OK;
}

module.exports = { summary, usage, run };
