'use strict';

// `ralloc compare --load COMMAND -- node app.js`: what would help this application. It starts it in
// several ways, by turns and in fresh processes, each under the same load.

const { adviceOf } = require('../compare/advice.js');
const { linesOf, wrapped } = require('../compare/table.js');
const { withNotes } = require('./application.js');
const { INTERRUPTED, untilInterrupted } = require('./compare/interrupt.js');
const { FAILED, OK, UsageError, print, standardError, tell } = require('./print.js');

const summary = 'measure what would help an application under a load of yours';
const usage = `Usage: ralloc compare --load COMMAND [options] -- COMMAND [arguments]
       ralloc compare --table [FILE] [options] -- COMMAND [arguments]
       ralloc compare --metrics URL URL [options]

Starts a server as it is and in other ways, by turns and in fresh processes,
puts the load on each, and prints one table: CPU, requests per second (or
latency, if the load has a fixed rate), RSS at its peak and after 10 s of rest,
as ratios to plain. It says what to use, how to start it, and what that costs.
It changes no file, and sets variables only for what it starts.

      --load COMMAND  a load for the shell, with {port} and {url} filled in. Let
                      it take 5 to 20 s, and exit with another code than 0 if an
                      answer is wrong: 'npx autocannon -d 10 {url}'
      --minutes N     how long all of it takes (default: 10; metrics: 5)
      --with NAMES    some of plain, run, memory-limit, flag, arenas, jemalloc,
                      semi-space, table, with commas (default: what is here)
      --memory-limit SIZE
                      that of the variant memory-limit (default: container)
  -t, --table [FILE]  also with the lines that "ralloc apply" changes, by the
                      table FILE (default: ralloc.table.json). Without --load
                      it runs once, changed, until it ends, and prints what
                      these lines did
      --alloc         of a table also Buffer.alloc, which zeroes its bytes
      --any-size      also Buffers so small that Node has a pool for them
      --suggested     also lines that it only suggests: too few samples prove
                      them, or some outlived their request
      --package NAME  also that package; may be given several times
      --metrics URL   compares two servers in production by their metrics pages:
                      the second has RALLOC_DISABLED=1, and the same traffic
      --requests METRIC
                      the counter of HTTP requests on these pages
      --json          the result as JSON

Ctrl-C ends it, and shows what is known by then.

Exit codes: 0 done; 1 if nothing could be measured; 2 wrongly called; 130 after
Ctrl-C. Without a load the application's; 1 if that is 0 and no line was active.`;

const NEEDS = `Give a load, such as: ralloc compare --load 'npx autocannon -d 10 {url}' -- `;

/** The line that tells how far it is: rewritten on a terminal. */
function progress() {
  const stderr = standardError();
  const isScreen = stderr.isTTY === true;
  return {
    tell: (text) => (isScreen ? stderr.write(`\r\x1b[K${text.slice(0, 79)}`) : tell(text)),
    end: () => isScreen && stderr.write('\r\x1b[K'),
  };
}

function countsOf(runs) {
  const counts = {};
  for (const { name } of runs) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What the session has found, for people and as JSON. */
function resultOf(session, variants) {
  const { runs, ended, node, block, notes } = session;
  const { figures, isQuiet } = session.figures;
  const shown = variants.map((one) => ({ ...one, ended: ended.get(one.name) }));
  const living = shown.filter(({ name, ended: why }) => why === undefined && countsOf(runs)[name]);
  const survivors = living.map(({ name }) => name);
  const { use, sentences } = ended.has('plain')
    ? {
        sentences: [
          survivors.length === 0
            ? 'The server does not stand this load in any way that was tried.'
            : `The server as it is does not stand this load. These did, once: ${survivors.join(', ')}.`,
        ],
      }
    : adviceOf(living, figures);
  return {
    ...{ node, blocks: block, isQuiet, use, sentences },
    variants: shown.map(({ name, start, ended: why }) => ({
      ...{ name, start, ended: why },
      runs: runs
        .filter((run) => run.name === name)
        .map(({ block: of, cost, idle }) => ({ block: of, ...cost, idle })),
    })),
    figures,
    ...{ left: session.left, notes: [...notes] },
  };
}

function show(result, variants, summary) {
  const { figures, isQuiet, left, notes, sentences } = result;
  const runs = result.variants.flatMap(({ name, runs: own }) =>
    own.map((run) => ({ name, ...run })),
  );
  const ended = new Map(result.variants.map(({ name, ended: why }) => [name, why]));
  const labelled = variants.map(({ name, label }) => ({ name, label, ended: ended.get(name) }));
  const isHttp = runs.some((run) => run.isHttp);
  if (Object.keys(figures).length > 0) {
    const lines = linesOf(labelled, { figures, isHttp, counts: countsOf(runs) });
    for (const line of ['', ...lines, '']) print(line);
  }
  if (!isQuiet) print('Other programs use the processors, so that no figure can be trusted.');
  for (const [name, why] of ended) if (why !== undefined) print(`${name}: ${why}`);
  for (const text of [...left.map((one) => `Left out: ${one}`), ...notes])
    for (const line of wrapped(text)) print(line);
  for (const [at, text] of sentences.entries())
    if (at === 1)
      print(text); // a line to copy
    else for (const line of wrapped(text)) print(line);
  print(`(${result.node === undefined ? '' : `Node ${result.node}, `}${summary})`);
}

async function compare(values, command, { minutes, names, table, folder }) {
  const { variantsOf } = require('./compare/variants.js');
  const { Session } = require('./compare/session.js');
  const { conclude, isReached } = require('./compare/table.js');
  const { load, 'memory-limit': limit = 'container', json: isJson } = values;
  const { variants, left } = variantsOf(names, { command, limit, table });
  if (variants.length === 1 && left.length > 0)
    throw new UsageError(`None of these variants is possible here. ${left.join('; ')}`);
  const line = progress();
  let [session, failure] = [];
  const isInterrupted = await untilInterrupted(async (how) => {
    const afterRun = (name) =>
      name === 'table' && !isReached(table)
        ? 'the load reaches no line of the table in a request'
        : undefined;
    session = new Session(variants, { ...how, command, load, minutes, afterRun }, line.tell);
    session.left.push(...left);
    await session.run().catch((error) => {
      // What whole blocks have found is shown all the same.
      if (error.code !== 'ERR_COMPARE_RUN' || session.block < 2) throw error;
      failure = error;
    });
  }).finally(line.end);
  const result = resultOf(session, session.variants);
  if (folder !== undefined && !session.ended.has('table')) result.table = conclude(command, table);
  if (isJson) print(JSON.stringify(result, null, 2));
  else show(result, session.variants, session.summary);
  if (isInterrupted) return INTERRUPTED;
  if (failure !== undefined) throw failure;
  return session.runs.length > 0 ? OK : FAILED;
}

function minutesOf(text) {
  const minutes = Number(text);
  if (minutes > 0 && minutes <= 1440) return minutes;
  throw new UsageError(`--minutes must be a number of minutes, up to 1440. Received "${text}"`);
}

async function withTable(values, command, minutes) {
  const { tableOf, tryOnce } = require('./compare/table.js');
  const { namesOf } = require('./compare/variants.js');
  const names = values.load && namesOf(values.with, true);
  const act = async (folder) => {
    const table = tableOf(values, folder);
    if (table.why !== undefined) {
      tell(`ralloc: trial: ${table.why}`);
      return { code: FAILED, end: () => {}, isWhole: true };
    }
    if (!values.load) return tryOnce(command, table, values.json);
    const code = await compare(values, command, { minutes, names, table, folder });
    return { code, end: () => {}, isWhole: true };
  };
  return withNotes('trial', act);
}

async function run(values, command) {
  const { load, table, with: some, json, metrics } = values;
  const minutes = minutesOf(values.minutes ?? (metrics === undefined ? '10' : '5'));
  if (metrics !== undefined) {
    const { compareMetrics } = require('./compare/metrics.js');
    return compareMetrics([metrics, ...command], { minutes, requests: values.requests, json });
  }
  if (table !== undefined) return withTable(values, command, minutes);
  if (!load) throw new UsageError(`${NEEDS}${command.join(' ')}`);
  const { namesOf } = require('./compare/variants.js');
  return compare(values, command, { minutes, names: namesOf(some, false) });
}

const withoutApplication = ({ metrics }) => metrics !== undefined;

module.exports = { summary, usage, startsApplication: true, withoutApplication, run };
