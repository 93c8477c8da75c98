'use strict';

// npm run demo: a real server under load for each allocator, and the stale-byte proof, on one screen.
// Exit code 1: a wrong byte, an error, or a stale Buffer that is alive; 2: the command line.

const { placement } = require('../bench/method/cpus.js');
const { ChildError } = require('../bench/method/child.js');
const { Wrong } = require('../bench/method/servers.js');
const { busyLines, watchOthers } = require('./busy.js');
const { hasColour } = require('./colour.js');
const { contenders } = require('./contenders.js');
const { NotFetched } = require('./download.js');
const files = require('./files.js');
const { choose } = require('./nodes.js');
const notes = require('./notes.js');
const { parse, USAGE, UsageError } = require('./options.js');
const { Progress } = require('./progress.js');
const { screen } = require('./screen.js');
const { Session, groupsOf, proveStale, secondsOf } = require('./session.js');
const { missing } = require('./servers/index.js');
const { READING, table } = require('./table.js');

const say = (text) => process.stderr.write(`${text}\n`);

const fetching = {
  onFetch: (name) => say(`Downloading ${name} from npm, some 150 MB. --node self needs none.`),
  onFetched({ name, version, megabytes, integrity }) {
    const size = megabytes.toFixed(0);
    say(`${name} ${version} from npm, ${size} MB, ${integrity.slice(0, 23)}… checked; kept.`);
  },
};

function checkInstalled(servers) {
  for (const server of servers) {
    const [first] = missing(server);
    if (first)
      throw new UsageError(`--server ${server}: the package ${first} is not installed here`);
  }
}

/** Everything that is shown, whatever the form. */
async function measureAll(options) {
  checkInstalled(options.servers);
  const env = options.backend ? { RALLOC_BACKEND: options.backend } : {};
  const { lead, own, notes: said } = await choose({ node: options.node, env, fetching });
  if (options.backend && lead.backend !== options.backend) {
    throw new UsageError(`--backend: ralloc's ${options.backend} backend is not available here`);
  }
  if (options.fallback && lead.backend !== 'native')
    throw new UsageError('--fallback: there is no binary here to compare it with');
  const { copies, summary } = files.prepare();
  const { able, unable } = contenders(lead.path, options);
  const processors = placement();
  const groups = groupsOf(options, own);
  const head = [notes.headLine(lead, options.servers), ...said, notes.pinning(processors)];
  for (const line of head) say(line);
  say(notes.filesLine(summary));

  const othersSince = watchOthers();
  const progress = new Progress(secondsOf(groups, able.length));
  const common = { env, processors, copies, port: options.port };
  try {
    const results = await new Session({ common, lead, own, progress }).run(groups, able);
    const proof = await proveStale(lead.path, env, options.servers[0]);
    const others = othersSince();
    return { lead, summary, processors, head, unable, results, proof, others };
  } finally {
    progress.end();
  }
}

/** The screen, or with --all and --long the tables. */
function render(options, { head, unable, results, proof, others }) {
  const [mixes, owns] = [false, true].map((own) =>
    results.filter(({ group }) => Boolean(group.own) === own).map(({ rows }) => rows),
  );
  const tail = [
    ...busyLines(
      mixes.map(([base]) => base),
      others,
    ),
    ...notes.warnings(mixes.flat(), unable),
    ...owns.map(notes.ownLine),
    notes.proofLines(proof).join('\n'),
  ];
  if (options.fallback) return ['', ...head, '', table(mixes), '', ...tail].join('\n');
  if (options.all || options.long) {
    const steady = options.long ? mixes.flatMap(notes.steadyLines) : [];
    return ['', ...head, '', table(mixes), '', ...steady, READING, ...tail].join('\n');
  }
  const { columns } = process.stdout;
  const colour = hasColour(process.stdout);
  return screen({ head, mixes, tail: [...tail, notes.NEXT], columns, colour });
}

/** Its own load, servers and screen, which nothing else needs. */
async function flood({ tenants, group }) {
  const { GROUP_PLAN, PLAN, measure } = require('./flood/run.js');
  const { screen, tenantsScreen } = require('./flood/screen.js');
  if (process.platform !== 'linux')
    throw new UsageError('--flood limits the memory of its servers as only Linux can');
  const plan = group ? GROUP_PLAN : PLAN;
  if (group) {
    const why = require('./flood/limit.js').whyNoGroup(plan.groupBytes);
    if (why !== undefined) throw new UsageError(`--group: no control group can be made: ${why}`);
  }
  const isEmpty = ({ end, figures }) => end === 'lives' && figures?.used === 0;
  if (tenants) {
    const { TENANTS, measureTenants } = require('./flood/tenants.js');
    const result = await measureTenants(TENANTS, say);
    console.log(`\n${tenantsScreen(result)}`);
    const all = (TENANTS.clients / 2) * TENANTS.uploads;
    const isWhole = (one) => isEmpty(one) && one.others.times.length === all;
    process.exit(Object.values(result.rounds).flat().every(isWhole) ? 0 : 1);
  }
  const result = await measure(plan, undefined, say);
  console.log(`\n${screen(result)}`);
  const last = result.floods.at(-1);
  process.exit(isEmpty(last) && last.tally.times.length === plan.clients ? 0 : 1);
}

async function main() {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  if (options.flood) return flood(options);
  const all = await measureAll(options);
  const rows = all.results.flatMap((result) => result.rows);
  if (options.json) {
    const { lead, summary, processors, proof, others } = all;
    const runs = rows.map(({ run }) => run);
    const { version, backend } = lead;
    const result = {
      node: version,
      headline: version,
      backend,
      machine: notes.machine(),
      processors,
      others,
      files: summary,
      proof,
      runs,
    };
    console.log(JSON.stringify(result, null, 2));
  } else {
    console.log(render(options, all));
  }
  for (const { run, firstFault } of rows) {
    if (!firstFault) continue;
    say(`WRONG: ${run.server} ${run.allocator}: ${firstFault} (${run.errors} errors)`);
  }
  if (!all.proof.dead) say('WRONG: a Buffer kept past its response is alive');
  if (!all.proof.dead || rows.some(({ firstFault }) => firstFault)) process.exitCode = 1;
}

function explain(err) {
  if (err instanceof UsageError) return `${err.message} (npm run demo -- --help)`;
  if (err instanceof Wrong) return `WRONG: ${err.message}`;
  if (err instanceof NotFetched) return `Node.js cannot be had from npm: ${err.message}`;
  return err instanceof ChildError ? err.message : err.stack;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(130));
main().catch((err) => {
  say(explain(err));
  process.exit(err instanceof UsageError ? 2 : 1);
});
