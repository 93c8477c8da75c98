// How ava runs the tests. scripts/test.js chooses them, and reads what happens as events from the file that RALLOC_TEST_EVENTS names.

import fs from 'node:fs';
import os from 'node:os';
import { pathToFileURL } from 'node:url';
import { _testOnlyReplaceWorkerPath as replaceWorker } from './node_modules/ava/lib/fork.js';
import { avaWorker } from './scripts/lib/ava-worker.js';
import tiers from './scripts/lib/tiers.js';

/** What takes longest begins first, so that no core is idle at the end. */
const long = new Map();
function isLong(file) {
  if (!long.has(file)) long.set(file, tiers.isLong(fs.readFileSync(file, 'utf8')));
  return long.get(file);
}

const { RALLOC_TEST_EVENTS: told } = process.env;

/** The others are ava's own business: sums, logs, snapshots. */
const TOLD = new Set([
  'selected-test',
  'test-passed',
  'test-failed',
  'hook-failed',
  'uncaught-exception',
  'unhandled-rejection',
  'internal-error',
  'process-exit',
  'missing-ava-import',
  'worker-failed',
  'worker-finished',
  'worker-stdout',
  'worker-stderr',
  'timeout',
]);

const textOf = ({ message, stack, formattedDetails }) => ({
  message,
  stack,
  details: [formattedDetails ?? []].flat().map(({ label, formatted }) => `${label}\n${formatted}`),
});

async function observeRun({ events }) {
  for await (const { type, err, chunk, pendingTests, logs, ...event } of events) {
    if (!TOLD.has(type)) continue;
    const error = err && textOf(err);
    const text = chunk && Buffer.from(chunk).toString();
    const pending = pendingTests && [...pendingTests].map(([file, titles]) => [file, [...titles]]);
    fs.appendFileSync(told, `${JSON.stringify({ type, ...event, error, text, pending })}\n`);
  }
}

const worker = avaWorker();
if (worker !== null) replaceWorker(pathToFileURL(worker));

export default {
  files: ['__test__/**/*.test.js'],
  require: ['./__test__/helpers/audited.js', './__test__/helpers/covered.js'],
  workerThreads: false, // RSS, signals and warnings are a process's
  concurrency: os.availableParallelism() + 2, // many of them wait
  timeout: '180s', // without a test that ends
  sortTestFiles: (a, b) => isLong(b) - isLong(a) || a.localeCompare(b),
  // The version of ava is pinned by the lock.
  ...(told !== undefined && { nonSemVerExperiments: { observeRunsFromConfig: true }, observeRun }),
};
