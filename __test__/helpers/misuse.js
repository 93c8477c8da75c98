'use strict';

// The programs of fixtures/debug/: what each says of itself, and what debug mode reports of it in a process of its own.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const folder = path.join(__dirname, '..', 'fixtures', 'debug');
const collector = path.join(folder, 'collect.js');
const DEADLINE_MS = 90_000;
const PLACES = ['allocated', 'ended', 'used', 'operation'];

/** `// @exit 1` of a program's head. */
const said = (source, name) => new RegExp(`^// @${name} (.*)$`, 'm').exec(source)?.[1];

/** The lines that end with `// @allocated` and the like, by the name of the mark. */
function markedLines(source) {
  const lines = source.split('\n');
  const marked = (place) => lines.findIndex((line) => line.includes(`@${place}`)) + 1;
  const found = PLACES.map((place) => [place, marked(place)]);
  return Object.fromEntries(found.filter(([, line]) => line > 0));
}

function program(file) {
  const source = fs.readFileSync(file, 'utf8');
  const reports = said(source, 'reports');
  return {
    file,
    name: path.basename(file, '.js'),
    what: /^\/\/ (.*)$/m.exec(source)[1],
    kind: reports === 'nothing' ? null : reports,
    request: said(source, 'request'),
    exit: Number(said(source, 'exit')),
    released: said(source, 'released'), // where Node's versions differ
    lines: markedLines(source),
  };
}

/** The programs of a folder, `misuses` or `correct`. */
function programsOf(name) {
  const files = fs.readdirSync(path.join(folder, name)).sort();
  return files.map((file) => program(path.join(folder, name, file)));
}

// What is told at the end of a process, and what ends it, has one of its own; the others can share one.
// So have those that leave something to its end.
const AT_THE_END = ['leak', 'not-closed', 'write-after-free'];
const FOR_THE_PROCESS = ['for-the-process', 'pipeline'];
const isAlone = ({ name, kind, exit }) =>
  exit !== 0 || AT_THE_END.includes(kind) || FOR_THE_PROCESS.includes(name);

let running = 0;
const waiting = [];

/** At most two at a time, whoever asks. */
async function inTurn(act) {
  if (running === 2) await new Promise((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await act();
  } finally {
    if (waiting.length > 0) waiting.shift()();
    else running--;
  }
}

/** Runs a program with its arguments under a level of debug mode: { exit, reports, stdout, stderr }. */
function collect(args, level, { every } = {}) {
  return inTurn(async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-test-'));
    const collected = path.join(dir, 'reports');
    const env = { ...process.env, RALLOC_DEBUG: level, RALLOC_COLLECT: collected };
    if (every !== undefined) env.RALLOC_COLLECT_EVERY = String(every);
    const child = spawn(process.execPath, ['--require', collector, ...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: DEADLINE_MS,
      killSignal: 'SIGKILL',
    });
    const out = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr']) {
      child[stream].setEncoding('utf8').on('data', (text) => {
        out[stream] += text;
      });
    }
    const [code, signal] = await once(child, 'close');
    const lines = fs.readFileSync(collected, 'utf8').split('\n').slice(0, -1);
    fs.rmSync(dir, { recursive: true });
    return { exit: code ?? signal, reports: lines.map((line) => JSON.parse(line)), ...out };
  });
}

const isOf = (file) => (report) =>
  PLACES.some((place) => report[place]?.some((frame) => frame.file === file));

/** Runs programs under a level of debug mode, in one process: name → what collect() tells of each, by the files of the reports' traces. */
async function together(programs, level, options) {
  const files = programs.map(({ file }) => file);
  const ran = await collect([path.join(folder, 'together.js'), ...files], level, options);
  if (ran.exit !== 0) throw new Error(`ended with ${ran.exit}: ${ran.stderr}`);
  const printed = (text, name) => text.split(`==== ${name}\n`)[1]?.split('==== ')[0];
  return new Map(
    programs.map(({ name, file }) => [
      name,
      {
        exit: 0,
        reports: ran.reports.filter(isOf(file)),
        stdout: printed(ran.stdout, name),
        stderr: printed(ran.stderr, name),
      },
    ]),
  );
}

/** Runs a program in a process of its own. `every`: of how many `sample` takes one. */
const underDebug = ({ file }, level, options) => collect([file], level, options);

/** The lines of `file` that a report's traces begin at. */
function linesOf(report, file) {
  const first = PLACES.map((place) => [place, report[place]?.[0]]);
  const own = first.filter(([, frame]) => frame?.file === file);
  return Object.fromEntries(own.map(([place, { line }]) => [place, line]));
}

/** What a program met by itself: a code or the name of an error, on its way to stderr; null where there was nothing. */
function metIn({ exit, stderr }) {
  const code = /\b(?:ERR|RALLOC)_(?!W_)[A-Z_]+\b/.exec(stderr.replaceAll('RALLOC_DEBUG', ''))?.[0];
  const name = /^(?:Uncaught )?([A-Z]\w*Error)\b/m.exec(stderr)?.[1];
  return code ?? name ?? (exit === 0 ? null : `exit code ${exit}`);
}

/** A run's first report as it is on stderr, the same for each run: without numbers of processes and folders of this machine. */
function toldBy({ reports, stderr }) {
  const { code, message } = reports[0];
  const told = `[${code}] RallocWarning: ${message}\n`;
  if (!stderr.includes(told)) throw new Error(`not told: ${told}${stderr}`);
  return `(node:4711) ${told}`
    .replaceAll(`${path.join(folder, 'misuses')}${path.sep}`, '')
    .replace(/\b\d+ ms\b/g, '60 ms');
}

module.exports = { isAlone, programsOf, together, underDebug, linesOf, metIn, toldBy };
