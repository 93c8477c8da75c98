'use strict';

// npm run demo: a real server under load for each allocator, one table, and the stale-byte proof.
// Exit code 1: a wrong byte, an error, or a stale Buffer that is alive; 2: the command line.

const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { Child } = require('./child.js');
const { contenders } = require('./contenders.js');
const files = require('./files.js');
const { measure, Wrong } = require('./measure.js');
const { header, notes, proofText } = require('./notes.js');
const { parse, turns, USAGE, UsageError } = require('./options.js');
const progress = require('./progress.js');
const { table } = require('./table.js');

const say = (text) => process.stderr.write(`${text}\n`);

/** The version and the backend of ralloc on the Node that the servers run on. */
function probe(node) {
  const index = path.join(__dirname, '..', 'lib', 'index.js');
  const script = `console.log(process.version + ' ' + require(${JSON.stringify(index)}).backend)`;
  return execFileSync(node, ['-e', script], { encoding: 'utf8' }).trim().split(' ');
}

async function measureAll(options, able, copies) {
  const rows = [];
  const groups = options.mixes.flatMap((mix) => options.servers.map((server) => ({ mix, server })));
  const step = progress(groups.length * able.length * (1 + 2 * options.rounds));
  const load = new Child(path.join(__dirname, 'load.js'));
  try {
    await load.call('read', { copies });
    for (const { mix, server } of groups) {
      const { node, rounds } = options;
      const common = { contenders: able, node, copies, load, rounds, step };
      rows.push(...(await measure({ mix, server, turns: turns(options, server), ...common })));
    }
  } finally {
    await load.stop();
  }
  return rows;
}

async function proveStale(node) {
  const child = new Child(path.join(__dirname, 'stale.js'), [], { execPath: node });
  try {
    const pool = await child.call('showKept', { allocator: 'pool' });
    const ralloc = await child.call('showKept', { allocator: 'ralloc' });
    return { pool, ralloc, dead: ralloc.length === 0 && ralloc.shows === '' };
  } finally {
    await child.stop();
  }
}

async function main() {
  const options = parse(process.argv.slice(2));
  if (options.help) return console.log(USAGE);
  const [version, backend] = probe(options.node);
  const { copies, summary } = files.prepare();
  const { able, unable } = contenders(options.node, options.peers);
  say(header({ version, backend, summary }));

  const rows = await measureAll(options, able, copies);
  const proof = await proveStale(options.node);
  const runs = rows.map(({ run }) => run);
  if (options.json) {
    say(proofText(proof));
    console.log(JSON.stringify({ node: version, backend, files: summary, runs }, null, 2));
  } else {
    console.log(`\n${table(rows)}\n\n${notes(options, rows, unable)}\n\n${proofText(proof)}`);
  }
  for (const { run, firstFault } of rows) {
    if (firstFault)
      say(`WRONG: ${run.server} ${run.allocator}: ${firstFault} (${run.errors} errors)`);
  }
  if (!proof.dead) say('WRONG: a Buffer kept past its response is alive');
  if (!proof.dead || rows.some(({ firstFault }) => firstFault)) process.exitCode = 1;
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
main().catch((err) => {
  if (err instanceof UsageError) say(`${err.message}\n\n${USAGE}`);
  else say(err instanceof Wrong ? `WRONG: ${err.message}` : err.stack);
  process.exit(err instanceof UsageError ? 2 : 1);
});
