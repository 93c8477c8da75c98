'use strict';

// `ralloc report`: shows a profile as a page or as JSON, and in short on the terminal: the lines
// with the most bytes, and the findings, each with what to do.

const fs = require('node:fs');
const path = require('node:path');
const { linesOf, verdictOf } = require('../../lib/process/verdict.js');
const { Collection } = require('../report/collection.js');
const { compare } = require('../report/compare.js');
const { modelOf } = require('../report/model.js');
const { pageOf } = require('../report/page.js');
const { bytesOf, oneLine, placeOf } = require('../report/text.js');
const { writeFile } = require('../recorder/write-file.js');
const { OK, UsageError, print, write } = require('./print.js');

const summary = 'show a profile: a page for the browser, or JSON';
const usage = `Usage: ralloc report [options] FILE
       ralloc report [options] BEFORE AFTER

Writes one HTML file: the costliest lines with their code, bytes by stack,
memory over time and lifetimes; for two profiles, what changed. Each finding
says what to do. The file loads nothing, so you can send it on. It contains the
code of these lines as it is on this machine now.

  -o, --output FILE  the file to write (default: FILE.html, or standard output
                     for JSON)
  --json             prints the same as JSON
  --no-code          leaves the code out

Exit codes: 0 done, 1 if a file cannot be read or written, 2 wrongly called.`;

/**
 * The parts of the page that scripts/bundle.js makes from page/: "npm run build" in a clone of
 * ralloc.
 */
function readAssets() {
  const read = (name) => fs.readFileSync(path.join(__dirname, 'dist', name), 'utf8');
  return { script: read('page.js'), style: read('page.css'), licences: read('page.licences.txt') };
}

const readReport = (file, code) => ({
  name: path.basename(file),
  model: modelOf(Collection.read(file), { code, file }),
});

/** `a/app.jsonl`, and `a/app.jsonl.gz` → `a/app.html` */
function defaultOutput(file) {
  const { dir, name } = path.parse(file.replace(/\.gz$/i, ''));
  return path.join(dir, `${name}.html`);
}

function siteOf(about) {
  const { file = null, line = null, column = null, function: name = null } = about;
  const { bytes, samples, error, least, most, live, liveError, peak, pinned } = about;
  const { sources, routes, stacks, transferred, withRequest, outlived } = about;
  const ended = about.lifetimes.map(({ to, died, until }) => ({ ms: to, bytes: died + until }));
  const lifetimes = ended.filter((one) => one.bytes > 0);
  return {
    ...{ file, line, column, function: name, source: sources[0], route: routes[0] ?? null },
    ...{ stack: stacks[0].stack, bytes, count: Math.round(about.count), samples },
    ...{ error, least, most, live, liveError, peak, pinned, transferred },
    ...{ lifetimes, withRequest, outlived },
  };
}

function findingOf(finding, model) {
  const { kind, line: key, keeper, now } = finding;
  const at = model.lines.find((one) => one.key === key);
  const { file = null, line = null } = keeper ?? at ?? {};
  return { kind, file, line, says: saysOf(finding, at, model), now };
}

function* listOf(items, told) {
  let separator = '[\n';
  for (const item of items) {
    yield `${separator}${JSON.stringify(told(item))}`;
    separator = ',\n';
  }
  yield items.length === 0 ? '[\n]' : '\n]';
}

function* objectOf(model) {
  const { node, seconds, rate, whole, skipped, lost, missing, lines, findings } = model;
  const { bytes, live, notSeen } = whole;
  const growth = model.memory;
  const memory = growth && { ...growth, ...verdictOf(growth.grown, growth.addons, growth.atPeak) };
  const head = {
    node: node.join(', '),
    memory,
    seconds,
    rate,
    bytes,
    live,
    notSeen,
    skipped,
    lost,
    missing,
  };
  yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n  "sites": `;
  yield* listOf(lines, siteOf);
  yield ',\n  "findings": ';
  yield* listOf(findings, (finding) => findingOf(finding, model));
  yield '\n}';
}

/**
 * The JSON of a report, or of two with the changes between them, in pieces: for a large profile it
 * is longer than a string can be.
 */
function* jsonOf(before, after) {
  if (before === undefined) yield* objectOf(after);
  else {
    yield '{ "before": ';
    yield* objectOf(before);
    yield ',\n"after": ';
    yield* objectOf(after);
    yield ',\n"changes": ';
    yield* listOf(compare(before, after).rows, (row) => row);
    yield '\n}';
  }
  yield '\n';
}

/** A verdict also tells how to make this report. */
const HERE = { buffers: 'the lines below made them; npx ralloc holders says what holds them' };

const MOST = 5; // lines, and findings, to show on the terminal
const FEW = 0.5; // the error of 16 samples
/** With few samples the bounds are asymmetric. */
const errorOf = ({ error, least, most }) =>
  error > FEW ? `(${bytesOf(least)} to ${bytesOf(most)})` : `± ${Math.ceil(error * 100)} %`;

/** Kind of a finding that is no pattern → its text. `at`: the place of its line. */
const SAYS = {
  few: (_, __, { whole, seconds }) =>
    `few samples: ${whole.samples} in all, of ${bytesOf(whole.bytes / seconds)}/s`,
  pin: ({ live, pinned }, at) =>
    `retains its block: ${at} keeps ${bytesOf(live)} and retains ${bytesOf(pinned)}`,
  leak: ({ live }, at) => `grows: ${at}, ${bytesOf(live)} alive`,
  stays: ({ live }, at) => `retained: ${at}, ${bytesOf(live)} alive`,
  churn: ({ bytes }, at, { seconds }) => `short-lived: ${at}, ${bytesOf(bytes / seconds)}/s`,
  outlives: ({ outlived }, at) => `outlives its request: ${at}, ${bytesOf(outlived)}`,
  unseen: (_, __, { whole }) => `not seen: ${bytesOf(whole.notSeen)} of ArrayBuffers`,
};

/** The sentence of a finding, of `line` if it is of one. */
const saysOf = ({ kind, says }, line, model) =>
  says ?? SAYS[kind](line, line && placeOf(line), model);

/** Findings of memory that stays, whatever the process as a whole has. */
const KEEPING = ['pin', 'unbounded', 'leak', 'queued', 'waits', 'streams'];
const BUT = 'no kind of memory is unusual by itself, but see what stays below';

/** The short report for a terminal. */
function textOf(model) {
  const { whole, seconds, lines, findings, memory, missing } = model;
  const time = seconds < 10 ? Number(seconds.toFixed(1)) : Math.round(seconds);
  const rows = lines.slice(0, MOST).map((line) => {
    const bytes = bytesOf(line.bytes).padStart(8);
    return `${bytes} ${errorOf(line).padStart(7)}  ${placeOf(line)}`;
  });
  const byKey = new Map(lines.map((line) => [line.key, line]));
  const pins = findings.filter(({ kind }) => kind === 'pin').map(({ line }) => byKey.get(line));
  const sum = (name) => bytesOf(pins.reduce((all, one) => all + one[name], 0));
  const together = `${pins.length} lines keep ${sum('live')} and retain ${sum('pinned')}`;
  const told = findings
    .slice(0, MOST)
    .flatMap((finding) => [
      saysOf(finding, byKey.get(finding.line), model),
      ...finding.now.map((text) => `    ${oneLine(text)}`),
    ]);
  const isKeeping = findings.some(({ kind }) => KEEPING.includes(kind));
  const instead = { ...HERE, ...(isKeeping && { none: BUT }) };
  return [
    ...(memory === null ? [] : linesOf(memory, bytesOf, instead).map(oneLine)),
    ...missing.map((text) => `missing: ${text}`), // before the figures that lack it
    `${bytesOf(whole.bytes)} allocated in ${time} s, ${bytesOf(whole.live)} alive at the end`,
    ...[...rows, ...(pins.length > 1 ? [together] : []), ...told],
  ].join('\n');
}

/** What changed between two profiles, the largest changes first. */
function changesOf(before, after) {
  const perSecond = ({ whole, seconds }) => `${bytesOf(whole.bytes / seconds)}/s`;
  const of = (text, [was, is]) => `${text} ${was} → ${is}`;
  const both = [before, after];
  const sums = [
    of('allocated', both.map(perSecond)),
    of(
      'alive at the end',
      both.map(({ whole }) => bytesOf(whole.live)),
    ),
    ...(before.memory && after.memory
      ? [
          of(
            'RSS at most',
            both.map(({ memory }) => bytesOf(memory.peak)),
          ),
        ]
      : []),
  ];
  const rows = compare(before, after).rows.filter(({ verdict }) => verdict !== 'same');
  const told = rows.slice(0, MOST).map((row) => {
    const sign = row.change < 0 ? '−' : '+';
    const change = `${sign}${bytesOf(Math.abs(row.change))}/s`.padStart(12);
    const alive = of(
      'alive',
      [row.before, row.after].map(({ live }) => bytesOf(live)),
    );
    return `${change}  ${placeOf(row)}: ${row.verdict}, ${alive}`;
  });
  return [
    `changed: ${sums.join(', ')}`,
    ...(told.length > 0 ? told : ['no line has changed by more than the error']),
  ].join('\n');
}

async function run({ output, json, 'no-code': isBare }, files) {
  if (files.length === 0) throw new UsageError('Give the profile to report: ralloc report FILE');
  if (files.length > 2)
    throw new UsageError(
      'Give one profile, or two: before and after. "ralloc merge" makes one of many',
    );
  const reports = files.map((file) => readReport(file, !isBare));
  const [before, after] = reports.length === 2 ? reports : [undefined, ...reports];
  if (json) {
    const pieces = jsonOf(before?.model, after.model);
    if (output === undefined) await write(pieces);
    else writeFile(output, pieces, 'report as JSON', 'The report');
    return OK;
  }
  const file = output ?? defaultOutput(files.at(-1));
  const page = pageOf({ before, after, assets: readAssets() });
  writeFile(file, page, 'page', 'The report');
  const changes = before === undefined ? '' : `${changesOf(before.model, after.model)}\n`;
  print(`${file}\n${changes}${textOf(after.model)}`);
  return OK;
}

module.exports = { summary, usage, run };
