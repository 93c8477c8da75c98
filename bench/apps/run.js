// npm run bench:apps: applications of packages from npm, plain and with ralloc, as bench/README.md
// says. Exit code 1: a wrong byte or an error; 2: the command line, or something that is needed and
// not here.

const path = require('node:path');
const { NotFetched } = require('../../demo/download.js');
const { choose } = require('../../demo/nodes.js');
const { pinning } = require('../../demo/notes.js');
const { Progress } = require('../../demo/progress.js');
const { Child, ChildError } = require('../method/child.js');
const { pin, placement } = require('../method/cpus.js');
const { faultOf, rowOf } = require('../method/measures.js');
const { table, tableOf } = require('../method/report.js');
const { about } = require('../method/results.js');
const { Wrong, measure } = require('../method/servers.js');
const { APPLICATIONS } = require('./applications.js');
const { parse, USAGE, UsageError } = require('./options.js');
const { overTime } = require('./over-time.js');
const { install } = require('./packages.js');
const { planOf, secondsOf } = require('./plan.js');
const { OWNERS, profile } = require('./profile.js');
const { SERVICES } = require('./services/index.js');
const { forget, linesChanged, variantsOn } = require('./variants.js');

/** Something that an application needs is not here. */
class Needed extends Error {}

const say = (text) => process.stderr.write(`${text}\n`);

const READING = `CPU, requests/s: a closed loop, of a client that does not sleep; CPU of all threads of the process, a request. p99: at one rate for all, 60 % of plain's requests/s,
from the intended start. RSS: the peak of a process, and where it is told after 5 s of rest. Ratios to plain, in their 95 % intervals over blocks; ≈: no difference. Collections are in 10,000 requests.
Not measured: a network, and clients on another machine.`;

const SHOWN = ['fullCpuUs', 'rss', 'restRss', 'rps', 'p99'];

function show(result) {
  const { scenario, linesChanged: lines, rows } = result;
  const changed = lines === null ? '' : `; lines changed: ${lines}`;
  console.log(`\n${scenario}: ${APPLICATIONS[scenario].about}${changed}`);
  console.log(tableOf(result, SHOWN));
  const majors = rows.map(({ name, totals }) => `${name} ${totals.majorGcs.toFixed(1)}`);
  console.log(`major collections: ${majors.join(', ')}`);
}

const serviceOf = ({ service }) => (service === undefined ? null : SERVICES[service]);

/**
 * What `work` answers for an application on a Node, with its client, and what it needs behind it.
 */
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
      ...{ load, upstream, plan, onSlice, dataBytes: application.dataBytes },
    });
  } finally {
    await load.stop();
    await service?.stop();
  }
}

/** What every result of an application on a Node begins with. */
const headOf = (bench, name, { version, backend }) => ({
  ...{ bench, scenario: name, node: version.replace(/^v/, ''), backend },
  ...about(path.join(__dirname, '..', '..')),
});

/** The raw result of an application on a Node; tells wrong answers. */
async function measureOne(name, options) {
  const { lead, contenders } = options;
  const measured = await withLoad(name, options, measure);
  const rows = contenders.map((contender, n) => rowOf(contender.name, measured[n]));
  for (const [n, { name: variant, totals }] of rows.entries()) {
    const fault = faultOf(measured[n]);
    if (fault === null) continue;
    say(`WRONG: ${name} ${variant}: ${fault} (${totals.errors} errors)`);
    process.exitCode = 1;
  }
  const lines = linesChanged(APPLICATIONS[name]);
  return { ...headOf('applications', name, lead), isApart: true, linesChanged: lines, rows };
}

async function watchOne(name, options) {
  const watched = await withLoad(name, options, (setting) => overTime(setting, options.quick));
  const result = { ...headOf('memory', name, options.lead), ...watched };
  if (options.json) return console.log(JSON.stringify(result));
  const megabytes = ([at, rss]) => `${at.toFixed(0)} s ${(rss / 1e6).toFixed(0)}`;
  for (const { name: variant, points, p99 } of result.rows) {
    const told = points.filter((_, n) => n % 8 === 0).map(megabytes);
    console.log(`${variant}, MB at: ${told.join(', ')}; p99 ${p99.toFixed(1)} ms`);
  }
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
    (all, name) => all + secondsOf([name], contendersOf(name).length, options),
    0,
  );
  const progress = new Progress(seconds);
  if (!options.json)
    console.log(`\n# Node.js ${lead.version}, ralloc on ${lead.backend}. ${pinning(processors)}`);
  for (const [n, name] of options.names.entries()) {
    const setting = { lead, contenders: contendersOf(name), plan: plans[n], processors };
    const how = { folder: options.profiles, json: options.json, quick: options.quick };
    if (options.isOverTime) {
      await watchOne(name, { ...setting, ...how });
      continue;
    }
    if (options.profiles !== undefined) {
      await profileOne(name, { ...setting, ...how });
      continue;
    }
    const onSlice = (what, took) => progress.step(`${lead.version} ${what}`, took);
    const result = await measureOne(name, { ...setting, onSlice });
    progress.end();
    if (options.json) console.log(JSON.stringify(result));
    else show(result);
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
  if (!options.json && options.profiles === undefined && !options.isOverTime)
    console.log(`\n${READING}`);
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
