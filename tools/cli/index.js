'use strict';

// `npx ralloc VERB …`. A verb is a module { summary, usage, run(argv) → exit code, or a promise of it }, loaded when it is asked for:
// what one needs is not to cost the others.

const { version } = require('../../package.json');
const { nearest } = require('../../lib/base/validate.js');
const { FAILED, MISUSED, OK, UsageError } = require('./exit.js');
const { print, tell } = require('./print.js');

/** In the order of help. */
const VERBS = {
  run: () => require('./run.js'),
  profile: () => require('./profile.js'),
  merge: () => require('./merge.js'),
  report: () => require('./report.js'),
  holders: () => require('./holders.js'),
  export: () => require('./export.js'),
  bake: () => require('./bake.js'),
  explain: () => require('./explain.js'),
  trial: () => require('./trial.js'),
  apply: () => require('./apply.js'),
  top: () => require('./top.js'),
  doctor: () => require('./doctor.js'),
};

const NAME_WIDTH = 10;

function help(verbs) {
  const rows = Object.entries(verbs).map(
    ([name, load]) => `  ${name.padEnd(NAME_WIDTH)}${load().summary}`,
  );
  return `ralloc ${version}

Usage: ralloc VERB [options]

${rows.join('\n')}
  ${'help'.padEnd(NAME_WIDTH)}how to use a verb: ralloc help VERB

Exit codes: 0 done, 1 failed, 2 wrongly called.`;
}

function find(name, verbs) {
  if (Object.hasOwn(verbs, name)) return verbs[name]();
  const near = nearest(name, Object.keys(verbs));
  const advice = near === undefined ? 'See: ralloc help' : `Did you mean "ralloc ${near}"?`;
  throw new UsageError(`There is no verb "${name}". ${advice}`);
}

function showHelp([name], verbs) {
  print(name === undefined ? help(verbs) : find(name, verbs).usage);
  return OK;
}

/** A verb's own options may say --help too, but not behind `--`, where an application's begin. */
function asksForHelp(argv) {
  const end = argv.indexOf('--');
  const own = end === -1 ? argv : argv.slice(0, end);
  return own.includes('--help') || own.includes('-h');
}

function dispatch(argv, verbs) {
  const [name, ...rest] = argv;
  if (name === undefined) {
    tell(help(verbs));
    return MISUSED;
  }
  if (name === 'help' || name === '--help' || name === '-h') return showHelp(rest, verbs);
  if (name === '--version' || name === '-v') {
    print(version);
    return OK;
  }
  const verb = find(name, verbs);
  return asksForHelp(rest) ? showHelp([name], verbs) : verb.run(rest);
}

/** An error with a code was foreseen, by ralloc or by the system, and its message says what to do; any other is a bug, shown whole. */
function report(error, name) {
  if (error instanceof UsageError || error.code?.startsWith('ERR_PARSE_ARGS_')) {
    tell(`ralloc: ${error.message}`);
    if (name !== undefined) tell(`See: ralloc help ${name}`);
    return MISUSED;
  }
  tell(`ralloc: ${error.code === undefined ? error.stack : error.message}`);
  return FAILED;
}

/** Prints, and resolves with the exit code; never rejects. */
async function main(argv, verbs = VERBS) {
  try {
    return await dispatch(argv, verbs);
  } catch (error) {
    return report(error, Object.hasOwn(verbs, argv[0] ?? '') ? argv[0] : undefined);
  }
}

module.exports = { main };
