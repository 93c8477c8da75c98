'use strict';

// What the documents show of runs of the demo: one object for each JSON file, checked. Pure.

const { differs } = require('../bench/method/statistics.js');
const { ABOUT } = require('./screen.js');

const BASE = 'allocUnsafe';
const FIELDS = ['rps', 'fullCpuUs', 'cpuUs', 'p999', 'rss'];

/** A file is not what `--json` prints. */
class BadRun extends Error {}

/** The object in what `npm run demo -- --json` wrote, which may begin with npm's own lines. */
function parseRun(text, name) {
  const at = text.search(/^\{/m);
  let run;
  try {
    run = JSON.parse(text.slice(Math.max(0, at)));
  } catch (error) {
    throw new BadRun(`${name} is not the JSON of a run: ${error.message}`);
  }
  for (const field of ['headline', 'backend', 'machine', 'runs']) {
    if (run?.[field] === undefined) throw new BadRun(`${name} has no "${field}"`);
  }
  return run;
}

const isInterval = (ratio) =>
  ['value', 'low', 'high'].every((key) => Number.isFinite(ratio?.[key])) &&
  ratio.low <= ratio.value &&
  ratio.value <= ratio.high;

function checked(run, place) {
  if (run.errors !== 0) throw new BadRun(`${place} has ${run.errors} errors`);
  for (const field of FIELDS) {
    if (!Number.isFinite(run[field])) throw new BadRun(`${place} has no "${field}"`);
    if (!isInterval(run.ratio?.[field])) throw new BadRun(`${place} has no ratio of "${field}"`);
  }
  return run;
}

/** Whether a run was made with --fallback, which has no other base than the binary. */
const comparesBackends = ({ runs }) => !runs.some(({ allocator }) => allocator === BASE);

/** `{ node, machine, mixes: [{ mix, base, ralloc }] }` of one file: Express, on the Node that led. `ralloc` is what is compared with `base`. */
function figuresOf(text, name) {
  const outcome = parseRun(text, name);
  const { headline, backend, machine, runs } = outcome;
  if (backend !== 'native') throw new BadRun(`${name} was made with the backend "${backend}"`);
  const own = runs.filter(({ node, server }) => node === headline && server === 'express');
  const mixes = Object.keys(ABOUT).filter((mix) => own.some((run) => run.mix === mix));
  if (mixes.length === 0) throw new BadRun(`${name} has no run on Express`);
  const find = (mix, allocator) => {
    const run = own.find((one) => one.mix === mix && one.allocator === allocator);
    const place = `${name}: ${mix} ${allocator}`;
    if (run === undefined) throw new BadRun(`${place} is missing`);
    return checked(run, place);
  };
  const [base, other] = comparesBackends(outcome) ? ['ralloc', 'ralloc-js'] : [BASE, 'ralloc'];
  const pair = (mix) => ({ mix, base: find(mix, base), ralloc: find(mix, other) });
  return { node: headline.replace(/^v/, ''), machine, mixes: mixes.map(pair) };
}

/** One of two runs on the same Node, with the mixes of both. */
function joined(first, second) {
  const order = Object.keys(ABOUT);
  const mixes = [...first.mixes, ...second.mixes];
  mixes.sort((a, b) => order.indexOf(a.mix) - order.indexOf(b.mix));
  const twice = mixes.find(({ mix }, n) => mix === mixes[n + 1]?.mix);
  if (twice) throw new BadRun(`${twice.mix} on Node.js ${first.node} is in two files`);
  return { ...first, mixes };
}

/** Those of all files, `[{ text, name }]`, of one machine: an object for each Node, the oldest first. */
function figuresOfAll(files) {
  const byNode = new Map();
  let one;
  for (const { text, name } of files) {
    const figures = figuresOf(text, name);
    const { node, machine } = figures;
    one ??= machine;
    if (JSON.stringify(machine) !== JSON.stringify(one)) {
      throw new BadRun(`The runs are of two machines: ${one.cpu}, ${machine.cpu}`);
    }
    byNode.set(node, byNode.has(node) ? joined(byNode.get(node), figures) : figures);
  }
  const inOrder = (a, b) => a.node.localeCompare(b.node, 'en', { numeric: true });
  return [...byNode.values()].sort(inOrder);
}

const whole = (value) => Math.round(value).toLocaleString('en-US');

/** "2.13 ×", or "≈" where there is no difference. */
const times = (ratio) => (differs(ratio) ? `${ratio.value.toFixed(2)} ×` : '≈');

/** `better`, `worse` or `none`; `more`: more of it is better. */
function judge(ratio, more) {
  if (!differs(ratio)) return 'none';
  return ratio.value > 1 === more ? 'better' : 'worse';
}

const machineLine = ({ cpu, cores, platform, arch }) =>
  `${cpu}, ${cores} cores, ${platform} ${arch}`;

module.exports = { figuresOfAll, comparesBackends, BadRun, whole, times, judge, machineLine };
