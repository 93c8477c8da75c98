'use strict';

// `npx ralloc VERB …`. A verb is a module { summary, usage, startsApplication,
// withoutApplication(values), run(values, others) → exit code, or a promise of it }. It is loaded
// only when it is used. Its usage is what declares its options. `values` are the result of
// parseArgs(); `others` are the remaining arguments, or the command of an application.

const { parseArgs } = require('node:util');
const { fileFault } = require('../../lib/base/file-names.js');
const { version } = require('../../lib/base/version.js');
const { nearest } = require('../../lib/base/validate.js');
const { FAILED, MISUSED, OK, UsageError, print, tell } = require('./print.js');
const { fileOf } = require('./program.js');

const VERBS = {
  run: () => require('./run.js'),
  compare: () => require('./compare.js'),
  profile: () => require('./profile.js'),
  merge: () => require('./merge.js'),
  report: () => require('./report.js'),
  holders: () => require('./holders.js'),
  bake: () => require('./bake.js'),
  apply: () => require('./apply.js'),
  top: () => require('./top.js'),
  why: () => require('./why.js'),
  doctor: () => require('./doctor.js'),
};

function help(verbs) {
  const row = ([name, { summary }]) => `  ${name.padEnd(10)}${summary}`;
  const rows = Object.entries(verbs).map(([name, load]) => row([name, load()]));
  return `ralloc ${version}

Usage: ralloc VERB [options]

${[...rows, row(['help', { summary: 'how to use a verb: ralloc help VERB' }])].join('\n')}

Exit codes: 0 done, 1 failed or nothing done, 2 wrongly called. run and profile
have the application's, and so has compare without a load.`;
}

function find(name, verbs) {
  if (Object.hasOwn(verbs, name)) return verbs[name]();
  const near = nearest(name, [...Object.keys(verbs), 'help']);
  const advice = near === undefined ? 'See: ralloc help' : `Did you mean "ralloc ${near}"?`;
  throw new UsageError(`There is no verb "${name}". ${advice}`);
}

function showHelp([name], verbs) {
  print(name === undefined || name === 'help' ? help(verbs) : find(name, verbs).usage);
  return OK;
}

/**
 * The arguments before `--`, and the application's command after it, which is undefined without
 * `--`.
 */
function split(argv) {
  const end = argv.indexOf('--');
  return end === -1 ? [argv, undefined] : [argv.slice(0, end), argv.slice(end + 1)];
}

function checkCommand(name, positionals, command) {
  if (command === undefined || positionals.length > 0) {
    const given = positionals.join(' ') || 'node app.js';
    throw new UsageError(`Write "--" before the application: ralloc ${name} -- ${given}`);
  }
  if (command.length === 0) throw new UsageError('Write an application behind "--": node app.js');
  if (process.platform !== 'win32') fileOf(command[0], process.env, name); // before anything else is done
}

/**
 * A line of a usage that declares an option: ` -o, --output FILE …`, or `[DIR]` where the value may
 * be missing.
 */
const OPTION = /^ +(?:-(\w), )?--([\w-]+)( [A-Z]+| \[[A-Z]+\])?(.*)/gm;

const optionsOf = (usage) =>
  Object.fromEntries(
    Array.from(usage.matchAll(OPTION), ([, short, name, value, text]) => {
      const multiple = text.includes('given several times');
      const kind = value ? { type: 'string', multiple } : { type: 'boolean', default: false };
      return [name, short === undefined ? kind : { ...kind, short }];
    }),
  );

/** Arguments with an empty value for each option that has none and may have one. */
function withValues(args, usage) {
  const optional = Array.from(usage.matchAll(OPTION)).filter(([, , , value]) =>
    value?.endsWith(']'),
  );
  const isValue = (text) => text !== undefined && !text.startsWith('-');
  return args.map((arg, i) => {
    const found = optional.find(([, short, name]) => [`-${short}`, `--${name}`].includes(arg));
    return found === undefined || isValue(args[i + 1]) ? arg : `--${found[2]}=`;
  });
}

function start(name, { usage, startsApplication, withoutApplication, run }, argv) {
  const [own, command] = startsApplication ? split(argv) : [argv];
  const options = optionsOf(usage);
  const { values, positionals } = parseArgs({
    args: withValues(own, usage),
    ...{ options, allowPositionals: true },
  });
  if (startsApplication && !withoutApplication?.(values)) checkCommand(name, positionals, command);
  return run(values, command ?? positionals);
}

function dispatch([name, ...rest], verbs) {
  if (name === undefined) {
    tell(help(verbs));
    return MISUSED;
  }
  if (['help', '--help', '-h'].includes(name)) return showHelp(rest, verbs);
  if (['--version', '-v'].includes(name)) {
    print(version);
    return OK;
  }
  const verb = find(name, verbs);
  const [own] = split(rest);
  const asksForHelp = own.includes('--help') || own.includes('-h');
  return asksForHelp ? showHelp([name], verbs) : start(name, verb, rest);
}

/** An error of the system has a path, and is told in words. */
const messageOf = (error) =>
  error.path === undefined ? error.message : `${error.path}: ${fileFault(error)}`;

/**
 * Prints, and resolves with the exit code; never rejects. An error with a code, of ralloc or the
 * system, is expected, and its message says what to do; any other is a bug, and shown with its
 * stack.
 */
async function main(argv, verbs = VERBS) {
  try {
    return await dispatch(argv, verbs);
  } catch (error) {
    const isMisuse =
      error instanceof UsageError ||
      /^(ERR_PARSE_ARGS_|ERR_RALLOC_INVALID_ARGUMENT)/.test(error.code);
    const isBug = !isMisuse && error.code === undefined;
    tell(`ralloc: ${isBug ? error.stack : messageOf(error)}`);
    if (!isMisuse) return error.exitCode ?? FAILED;
    if (Object.hasOwn(verbs, argv[0] ?? '')) tell(`See: ralloc help ${argv[0]}`);
    return MISUSED;
  }
}

module.exports = { VERBS, help, main };
