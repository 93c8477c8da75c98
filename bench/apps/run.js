// npm run bench:apps: applications of packages from npm, plain and with ralloc, as bench/README.md says.
// Exit code 1: a wrong byte or an error; 2: the command line, or something that is needed and not here.

const path = require('node:path');
const { NotFetched } = require('../../demo/download.js');
const { measure, Wrong } = require('../../demo/measure.js');
const { choose } = require('../../demo/nodes.js');
const { machine, pinning } = require('../../demo/notes.js');
const { duration } = require('../../demo/plan.js');
const { Progress } = require('../../demo/progress.js');
const { rowsOf } = require('../../demo/rows.js');
const { verdict } = require('../../demo/screen.js');
const { Child, ChildError } = require('../method/child.js');
const { pin, placement } = require('../method/cpus.js');
const { table } = require('../report.js');
const { APPLICATIONS } = require('./applications.js');
const { parse, USAGE, UsageError } = require('./options.js');
const { install } = require('./packages.js');
const { OWNERS, profile } = require('./profile.js');
const { forget, linesChanged, variantsOn } = require('./variants.js');

// Seconds and requests, as in demo/plan.js. What V8 compiles last, it compiles after some 10,000 requests.
const PLAN = {
  ...{ blocks: 5, warm: 40_000, empty: 0, passes: 2, slice: 0.3, gap: 0.015 },
  ...{ fixedPasses: 2, fixedSlice: 0.2 },
  polls: true, // the client, in closed loops: see demo/phases.js
};
const QUICK = { blocks: 1, warm: 100, passes: 1, slice: 0.1, fixedPasses: 1, fixedSlice: 0.1 };

/** Something that an application needs is not here. */
class Needed extends Error {}

const say = (text) => process.stderr.write(`${text}\n`);

const planOf = (name, { quick, blocks }) => ({
  ...PLAN,
  ...(APPLICATIONS[name].service !== undefined && { polls: false }), // it has the client's processor, too
  ...APPLICATIONS[name].plan,
  ...(quick && {
    ...QUICK,
    warm: Math.min(QUICK.warm, APPLICATIONS[name].plan?.warm ?? QUICK.warm),
  }),
  ...(blocks !== undefined && { blocks }),
});

const whole = (value) => Math.round(value).toLocaleString('en-US');
const tenths = (value) => value.toFixed(1);

const COLUMNS = [
  ['', ({ allocator }) => `  ${allocator}`],
  ['CPU µs', ({ fullCpuUs }) => whole(fullCpuUs)],
  ['', ({ ratio }) => compared(ratio.fullCpuUs)],
  ['RSS MB', ({ rss }) => whole(rss / 1e6)],
  ['', ({ ratio }) => compared(ratio.rss)],
  ['req/s', ({ rps }) => whole(rps)],
  ['', ({ ratio }) => compared(ratio.rps)],
  ['p99 ms', ({ p99 }) => p99.toFixed(2)],
  ['', ({ ratio }) => compared(ratio.p99)],
  ['minor', ({ minorGcs }) => tenths(minorGcs)],
  ['major', ({ majorGcs }) => tenths(majorGcs)],
  ['steps', ({ incrementalGcs }) => tenths(incrementalGcs)],
];

/** A ratio to `plain`; of one block without its interval, which has no bounds. */
function compared(ratio) {
  if (ratio === null || ratio.low === ratio.high) return '';
  const value = ratio.value.toFixed(2);
  if (!Number.isFinite(ratio.high)) return `${value} ×`;
  return verdict(ratio).replace('no difference', `≈ ${value}`);
}

const READING = `CPU, req/s: a closed loop, of a client that does not sleep; CPU of all threads of the process, a request. p99: at one rate for all, 60 % of plain's req/s, from the intended
start. RSS: the peak of a process. minor, major, steps: collections in 10,000 requests, and steps of incremental marking. Ratios to plain, in
their 95 % intervals over blocks; ≈: no difference. Not measured: a network, and clients on another machine.`;

function show(name, runs) {
  console.log(`\n${name}: ${APPLICATIONS[name].about}; lines changed: ${runs[0].linesChanged}`);
  console.log(
    table([
      COLUMNS.map(([title]) => title),
      ...runs.map((run) => COLUMNS.map(([, cell]) => cell(run))),
    ]),
  );
}

const serviceOf = ({ service }) =>
  service === undefined ? null : require(path.join(__dirname, 'services', service));

/** What `work` answers for an application on a Node, with its client, and what it needs behind it. */
async function withLoad(name, { lead, contenders, plan, processors, onSlice }, work) {
  const application = APPLICATIONS[name];
  const load = new Child(path.join(__dirname, 'client.js'), [name]);
  load.pin(processors?.client);
  let service;
  try {
    service = await serviceOf(application)?.start(application.ask());
    if (processors && service?.pid) pin(service.pid, processors.client);
    const upstream = service?.upstream ?? (await load.call('upstream'));
    return await work({
      ...{ mix: name, server: name, program: path.join(__dirname, 'serve.js') },
      ...{ contenders, node: lead.path, env: {}, processors, port: 0 },
      ...{ load, upstream, plan, onSlice },
    });
  } finally {
    await load.stop();
    await service?.stop();
  }
}

/** The rows of an application on a Node. */
async function measureOne(name, options) {
  const { lead, contenders } = options;
  const about = {
    ...{ node: lead.version, application: name },
    linesChanged: linesChanged(APPLICATIONS[name]),
  };
  return rowsOf(contenders, await withLoad(name, options, measure), about);
}

const micros = (us) => (us >= 0.05 ? us.toFixed(us < 10 ? 1 : 0) : '');

function showProfiles(name, found) {
  console.log(`\n${name}: µs of the main thread a request`);
  const rows = found.map((one) => [one.name, ...OWNERS.map((owner) => micros(one.owners[owner]))]);
  console.log(table([['', ...OWNERS], ...rows]));
  for (const { name: variant, more } of found.slice(1)) {
    const each = more.map(([what, us]) => `${what} ${micros(us)}`);
    console.log(`  ${variant}, more than plain: ${each.join(', ') || 'nothing'}`);
  }
}

async function profileOne(name, options) {
  const { folder, json, lead } = options;
  const found = await withLoad(name, options, (setting) =>
    profile(setting, { folder, version: lead.version }),
  );
  if (!json) return showProfiles(name, found);
  for (const { name: allocator, ...us } of found)
    console.log(JSON.stringify({ node: lead.version, application: name, allocator, ...us }));
}

async function measureOn(node, options) {
  const { lead } = await choose({ node, env: {} });
  const contendersOf = (name) => variantsOn(lead.path, APPLICATIONS[name], options.variants);
  const processors = placement();
  const plans = options.names.map((name) => planOf(name, options));
  const seconds = options.names.reduce(
    (all, name, n) => all + duration(plans[n], contendersOf(name).length),
    0,
  );
  const progress = new Progress(seconds);
  if (!options.json)
    console.log(`\n# Node.js ${lead.version}, ralloc on ${lead.backend}. ${pinning(processors)}`);
  for (const [n, name] of options.names.entries()) {
    const setting = { lead, contenders: contendersOf(name), plan: plans[n], processors };
    if (options.profiles !== undefined) {
      await profileOne(name, { ...setting, folder: options.profiles, json: options.json });
      continue;
    }
    const onSlice = (what, took) => progress.step(`${lead.version} ${what}`, took);
    const rows = await measureOne(name, { ...setting, onSlice });
    progress.end();
    const runs = rows.map(({ run }) => run);
    if (options.json)
      for (const run of runs) console.log(JSON.stringify({ ...run, machine: machine() }));
    else show(name, runs);
    for (const { run, firstFault } of rows) {
      if (!firstFault) continue;
      say(`WRONG: ${name} ${run.allocator}: ${firstFault} (${run.errors} errors)`);
      process.exitCode = 1;
    }
  }
}

async function main() {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  for (const name of options.names) {
    const missing = serviceOf(APPLICATIONS[name])?.missing();
    if (missing) throw new Needed(`${name}: ${missing}`);
  }
  try {
    await install();
  } catch (error) {
    throw new Needed(
      `the packages of bench/apps/package-lock.json are needed, and npm cannot get them: ${error.message}`,
    );
  }
  for (const node of options.nodes) await measureOn(node, options);
  if (!options.json && options.profiles === undefined) console.log(`\n${READING}`);
}

function explain(error) {
  if (error instanceof UsageError) return error.message;
  if (error instanceof Needed) return error.message;
  if (error instanceof Wrong) return `WRONG: ${error.message}`;
  if (error instanceof NotFetched) return `Node.js cannot be had from npm: ${error.message}`;
  return error instanceof ChildError ? error.message : error.stack;
}

process.on('exit', forget);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
main().catch((error) => {
  say(`bench:apps: ${explain(error)}`);
  const isTheirs = [UsageError, Needed, NotFetched].some((one) => error instanceof one);
  process.exit(isTheirs ? 2 : 1);
});
