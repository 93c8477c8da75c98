'use strict';

// Builds the binary for another platform and runs the tests of run-time and tools there, by an emulator where one is needed:
//
//   npm run platforms -- arm64|macos|musl|windows [--node MAJOR] [--smoke | FILE…]
//   npm run platforms -- arm64|windows --crate
//
// What it takes is brought into target/tools; nothing is installed on the machine. `--smoke` takes the smallest file of each folder that is not
// long, `--crate` the Rust core's own tests. Prints a line for each folder when its tests are over, what failed with its output, and
// `N passed, N failed, N skipped` in the end. A failure that is the emulator's own, by its list of faults, counts as skipped and is told. What
// cannot be had is one line, and exit code 2.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { failedIn, printRooms, roomOf, roomsOf, sum } = require('./lib/rooms.js');
const { run } = require('./lib/test-run.js');
const { filesOf, isLong } = require('./lib/tiers.js');

/**
 * A file of scripts/platforms.
 * @typedef {object} Platform
 * @property {string} name
 * @property {number[]} nodes majors of Node that run there, the usual one first; none where nothing can run it
 * @property {(tools: string, node: number) => Promise<void>} bring tool chain, emulator and Node into the folder `tools`: whole or not at all.
 *   What is there is kept. Throws what cannot be had, or what only root can do, as one line.
 * @property {(root: string, tools: string) => Promise<string | string[]>} build the binary, or those of several machines: files in the root
 * @property {(tools: string, node: number) => Runner | null} runner null where nothing can run it
 * @property {Fault[]} faults of the emulator; any other failure is one
 * @property {(root: string, tools: string) => Runner} [crate] `cargo test` there; absent where nothing runs it
 * @property {Fault[]} [crateFaults] of Rust's tests, which are not run
 *
 * @typedef {object} Runner What runs a program of Node's: `command`, `args` and then the program's own arguments
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} env
 *
 * @typedef {{ title: string, why: string }} Fault The title of a test, or how it begins; of Rust's a name
 */

const ROOT = process.env.RALLOC_TEST_ROOT ?? path.join(__dirname, '..');
const TOOLS = path.join(ROOT, 'target', 'tools');
const PLATFORMS = process.env.RALLOC_PLATFORMS ?? path.join(__dirname, 'platforms');
const IDLE = '15m'; // without a test that ends: emulators are slow

const names = () => fs.readdirSync(PLATFORMS).map((file) => path.basename(file, '.js'));

/** Files of both tiers, as they are asked for. */
function chosen({ smoke }, named) {
  const files = ['run-time', 'tools'].flatMap((tier) => filesOf(ROOT, tier)).sort();
  if (smoke && named.length > 0) throw new Error('either --smoke or files');
  if (smoke) return roomsOf(files).map((room) => smallest(files.filter(isIn(room))));
  const wanted = named.map((file) => path.relative(ROOT, path.resolve(file)));
  const absent = wanted.find((file) => !files.includes(file));
  if (absent !== undefined) throw new Error(`there is no test file ${absent} in run-time or tools`);
  return wanted.length > 0 ? wanted : files;
}

const isIn = (room) => (file) => roomOf(file) === room;

/** Of those that are not long, where there is one. */
function smallest(files) {
  const cost = (file) => {
    const source = fs.readFileSync(path.join(ROOT, file), 'utf8');
    return source.length + (isLong(source) ? 1e9 : 0);
  };
  return files.reduce((least, file) => (cost(file) < cost(least) ? file : least));
}

/** @returns {{ platform: Platform, node: number | undefined, groups: string[][], isCrate: boolean }} */
function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      smoke: { type: 'boolean', default: false },
      crate: { type: 'boolean', default: false },
      node: { type: 'string' },
    },
  });
  const [name, ...named] = positionals;
  if (!names().includes(name))
    throw new Error(`the platform must be one of ${names().join(', ')}, not ${name}`);
  /** @type {Platform} */
  const platform = require(path.join(PLATFORMS, `${name}.js`));
  const node = values.node === undefined ? platform.nodes[0] : Number(values.node);
  if (values.node !== undefined && !platform.nodes.includes(node))
    throw new Error(
      `on ${name} Node must be one of ${platform.nodes.join(', ') || 'none'}, not ${values.node}`,
    );
  if (values.crate) {
    if (platform.crate === undefined) throw new Error(`nothing runs the crate's tests on ${name}`);
    if (values.smoke || named.length > 0) throw new Error('either --crate or tests of JavaScript');
  }
  const files = chosen(values, named);
  const groups = values.smoke ? [files] : roomsOf(files).map((room) => files.filter(isIn(room)));
  return { platform, node, groups, isCrate: values.crate };
}

/** Takes the emulator's own faults out of a file's failures: lines that tell of them. */
function excuse(file, result, faults) {
  const lines = [];
  result.failures = result.failures.filter(({ title }) => {
    const fault = faults.find((one) => title.startsWith(one.title));
    if (fault === undefined) return true;
    result.skipped++;
    lines.push(`known: ${file} › ${title}: ${fault.why}`);
    return false;
  });
  return lines;
}

const skippedIn = (results) => sum(results, (one) => one.skipped);

async function runGroup(files, runner, faults) {
  const begun = Date.now();
  const { results, output, status } = await run(ROOT, files, [`--timeout=${IDLE}`], runner);
  const known = [...results].flatMap(([file, result]) => excuse(file, result, faults));
  const took = Math.round((Date.now() - begun) / 1000);
  printRooms(results, (own) => `, ${skippedIn(own)} skipped, ${took} s`);
  for (const [file, { failures, printed }] of results) {
    if (failures.length === 0) continue;
    for (const { title, text } of failures) console.log(`\n==== ${file} › ${title}\n${text}`);
    console.log(printed);
  }
  for (const line of known) console.log(line);
  const all = [...results.values()];
  const failed = sum(all, failedIn);
  const isBroken = status !== 0 && failed + known.length === 0;
  if (isBroken) console.log(`${output}\nFAIL ava ended with ${status}`);
  return {
    passed: sum(all, (one) => one.passed),
    failed: failed + (isBroken ? 1 : 0),
    skipped: skippedIn(all),
  };
}

const OF_CRATE = ['--no-fail-fast'];

/** Runs the Rust core's tests; what they print is shown if one fails. */
function runCrate({ command, args, env }, faults) {
  const without = faults.flatMap(({ title }) => ['--skip', title]);
  const { status, stdout } = spawnSync(command, [...args, ...OF_CRATE, '--', ...without], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const counts = [
    ...stdout.matchAll(/^test result: .*? (\d+) passed; (\d+) failed; (\d+) ignored/gm),
  ];
  const [passed, failed, ignored] = [1, 2, 3].map((at) => sum(counts, (one) => Number(one[at])));
  for (const { title, why } of faults) console.log(`known: ${title}: ${why}`);
  const skipped = ignored + faults.length;
  if (status === 0) return { passed, failed, skipped };
  console.log(stdout);
  return { passed, failed: Math.max(failed, 1), skipped };
}

async function main() {
  const { platform, node, groups, isCrate } = readArguments();
  fs.mkdirSync(TOOLS, { recursive: true });
  await platform.bring(TOOLS, node);
  if (isCrate) return report([runCrate(platform.crate(ROOT, TOOLS), platform.crateFaults ?? [])]);
  const built = await platform.build(ROOT, TOOLS);
  const binaries = [built].flat().map((file) => path.basename(file));
  const runner = platform.runner(TOOLS, node);
  const totals = [];
  if (runner === null) {
    for (const binary of binaries)
      console.log(`ok   ${binary}: built and linked; nothing here runs it`);
    totals.push({ passed: binaries.length, failed: 0, skipped: 0 });
  } else {
    console.log(`${platform.name}: ${binaries}, Node ${node}`);
    const env = { RALLOC_BUDGET: process.env.RALLOC_BUDGET ?? 'tenth', ...runner.env };
    for (const files of groups)
      totals.push(await runGroup(files, { ...runner, env }, platform.faults));
  }
  report(totals);
}

function report(totals) {
  const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map((what) =>
    sum(totals, (one) => one[what]),
  );
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}

main().catch((error) => {
  console.error(`platforms: ${error.message.split('\n')[0]}`);
  process.exitCode = 2;
});
