'use strict';

// Counts the files of lib/ that a step in the life of a request or a slab goes through, and names them. Run by hand:
// `node scripts/walked-files.js`; `--names` for the names, too.
//
// A file counts if one of its functions is called in that step. V8 counts all calls itself (the inspector's precise coverage), so that getters and
// callbacks count as well, and whatever is on no stack when memory is called. All is loaded and has run before: what only loads is in no figure. The
// steps are those of bench/fixtures/life.js, each of one request or slab.

const inspector = require('node:inspector');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { parseArgs } = require('node:util');
const { LIVES } = require('../bench/fixtures/life.js');
const { program } = require('./lib/program.js');

const LIB = path.join(__dirname, '..', 'lib') + path.sep;
const WARM_UP = 100;

/** Calls a method of the inspector, which answers before it returns. */
function post(session, method, params) {
  let answer;
  session.post(method, params, (error, result) => {
    if (error) throw new Error(`${method}: ${error.message}`);
    answer = result;
  });
  return answer;
}

const isCalled = ({ functions }) => functions.some(({ ranges }) => ranges[0].count > 0);

/** The files of lib/ whose functions `step` calls. */
function filesOf(session, step) {
  post(session, 'Profiler.takePreciseCoverage'); // counts from 0
  step();
  const { result } = post(session, 'Profiler.takePreciseCoverage');
  return result
    .filter((script) => script.url.startsWith('file:') && isCalled(script))
    .map(({ url }) => fileURLToPath(url))
    .filter((file) => file.startsWith(LIB))
    .map((file) => path.relative(LIB, file).split(path.sep).join('/'))
    .sort();
}

/** [life, name of a step, its files] of all. */
function walk() {
  const session = new inspector.Session();
  session.connect();
  post(session, 'Profiler.enable');
  post(session, 'Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const walked = Object.entries(LIVES).flatMap(([life, stepsOf]) => {
    const steps = stepsOf(1);
    for (let round = 0; round < WARM_UP; round++) for (const [, step] of steps) step();
    const files = steps.map(([, step]) => filesOf(session, step));
    return steps.flatMap(([name], i) => (name === null ? [] : [[life, name, files[i]]]));
  });
  session.disconnect();
  return walked;
}

program(() => {
  const { values } = parseArgs({ options: { names: { type: 'boolean' } } });
  for (const [life, name, files] of walk()) {
    console.log(`${`${files.length}`.padStart(3)}  ${life}: ${name}`);
    if (values.names) for (const file of files) console.log(`       ${file}`);
  }
  process.exit();
});
