'use strict';

// One run of ava over some test files, as its events tell it (ava.config.mjs writes them): what passed, and what failed and why.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** In these a second run proves nothing: memory that was not as promised, or a process that died of it. */
const FINAL = /\bsameBytes\b|\bSIG(?:ABRT|BUS|FPE|ILL|SEGV|TRAP)\b/;
const KILLED = new Set([132, 133, 134, 135, 136, 139]); // 128 + the signal, as a shell tells it

/** Node 20 reads the certificates of NODE_EXTRA_CA_CERTS at each start, for 80 ms: no test asks a server outside. */
const { NODE_EXTRA_CA_CERTS: _, ...ENV } = process.env;

const SAYS = {
  'hook-failed': 'a hook failed',
  'uncaught-exception': 'an exception that nobody caught',
  'unhandled-rejection': 'a rejection that nobody handled',
  'internal-error': 'an error of ava',
  'process-exit': 'process.exit() was called',
  'missing-ava-import': 'has no test',
};

const TEST_ENDS = new Set(['test-passed', 'test-failed']);

/**
 * @typedef {object} Failure
 * @property {string} title of the test, or what happened instead
 * @property {string} text what there is to read about it
 * @property {boolean} isFinal whether a second run must not count
 * @typedef {{ passed: number, skipped: number, failures: Failure[], printed: string }} Result of a file
 */

const textOf = (error) =>
  error === undefined ? '' : [error.message, ...(error.details ?? []), error.stack].join('\n');

function failureOf({ type, title, error, signal, nonZeroExitCode, forcedExit }) {
  const text = textOf(error);
  if (type === 'test-failed') return { title, text, isFinal: FINAL.test(text) };
  if (type === 'worker-failed') {
    const isFinal = signal !== undefined || KILLED.has(nonZeroExitCode);
    return { title: `ended by ${signal ?? `exit code ${nonZeroExitCode}`}`, text, isFinal };
  }
  if (type === 'worker-finished')
    return forcedExit ? { title: 'did not end', text, isFinal: true } : null;
  const what = SAYS[type];
  return what === undefined
    ? null
    : { title: title ?? what, text: `${what}\n${text}`, isFinal: FINAL.test(text) };
}

/** A test file relative to `root`, as a Node for Windows names it too, which an emulator runs. */
const fileIn = (root, testFile) =>
  path.posix.relative(slashed(root), slashed(testFile).replace(/^z:(?=\/)/i, ''));

/** With the slashes of git, which are those of every list of files here. */
const slashed = (file) => file.replaceAll('\\', '/');

/** @returns {Map<string, Result>} by file, relative to `root`; all of `files`, those without an event too */
function resultsOf(events, files, root) {
  const results = new Map(
    files.map((file) => [file, { passed: 0, skipped: 0, failures: [], printed: '' }]),
  );
  const of = (testFile) => results.get(fileIn(root, testFile));
  const ran = new Set();
  const begun = new Map([...results.values()].map((result) => [result, new Set()]));
  for (const event of events) {
    if (event.type === 'timeout') {
      for (const [file, titles] of event.pending) {
        for (const title of titles)
          of(file)?.failures.push({ title, text: 'did not end', isFinal: true });
        begun.get(of(file))?.clear();
      }
      continue;
    }
    const result = event.testFile === undefined ? undefined : of(event.testFile);
    if (result === undefined) continue;
    ran.add(result);
    if (event.text !== undefined) result.printed += event.text;
    if (event.type === 'test-passed') result.passed++;
    if (event.type === 'selected-test' && event.skip) result.skipped++;
    else if (event.type === 'selected-test') begun.get(result).add(event.title);
    else if (TEST_ENDS.has(event.type)) begun.get(result).delete(event.title);
    const failure = failureOf(event);
    if (failure === null) continue;
    result.failures.push(failure);
    if (!TEST_ENDS.has(event.type)) begun.get(result).clear(); // that is why they did not end
  }
  for (const [result, titles] of begun) {
    // Of a process that was ended from outside, Wine tells no signal, and ava none of its tests.
    for (const title of titles) result.failures.push({ title, text: 'did not end', isFinal: true });
  }
  for (const result of results.values()) {
    if (!ran.has(result) && result.failures.length === 0)
      result.failures.push({ title: 'did not run', text: '', isFinal: false });
  }
  return results;
}

/**
 * Runs ava over `files`: { results, output, status }. `by` is what runs Node: another Node for another platform, before whose arguments
 * an emulator's may come. What ava prints goes to a file: not every emulator has pipes.
 */
async function run(root, files, args = [], by = { command: process.execPath, args: [], env: {} }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-tests-'));
  const told = path.join(folder, 'events');
  const printed = path.join(folder, 'output');
  fs.writeFileSync(told, '');
  const out = fs.openSync(printed, 'a');
  try {
    const cli = path.join('node_modules', 'ava', 'entrypoints', 'cli.mjs');
    const child = spawn(by.command, [...by.args, cli, ...args, ...files], {
      cwd: root,
      env: { ...ENV, ...by.env, RALLOC_TEST_EVENTS: told },
      stdio: ['ignore', out, out],
    });
    const [code, signal] = await once(child, 'close');
    const lines = fs.readFileSync(told, 'utf8').split('\n').filter(Boolean);
    return {
      results: resultsOf(lines.map(JSON.parse), files, root),
      output: fs.readFileSync(printed, 'utf8'),
      status: signal ?? code,
    };
  } finally {
    fs.closeSync(out);
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { run, slashed };
