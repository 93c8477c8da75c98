'use strict';

// The command line of the demo.

const { NAMES: SERVERS } = require('./servers/index.js');

const DEFAULT_MIXES = ['frame', 'ingest', 'serve', 'json'];
const BACKENDS_MIXES = ['frame', 'ingest', 'serve'];
const MIXES = ['frame', 'ingest', 'digest', 'upload', 'proxy', 'serve', 'json'];
const BACKENDS = ['native', 'js'];

const USAGE = `usage: npm run demo -- [options]

  --all              every mix, server and rival, V8's tuning flags among them
  --fallback         the JavaScript fallback against the binary, in frame, ingest and serve
  --flood            240 uploads at once to a server with 1 GB: no guard, a semaphore, admission()
  --tenants          with --flood: 40 tenants, of which one sends half of all
  --group            with --flood: in a control group of 512 MB, where the machine lets one be made
  --long             minutes of load a mix: p99.9, and memory over time
  --mix NAME         only this mix: ${MIXES.join(', ')}
  --server NAME      only this server: ${SERVERS.join(', ')} (default ${SERVERS[0]})
  --node NODE        the Node.js that the servers run on: self, a path, or a major version, which
                     is downloaded from npm, 150 MB (default: this one, and where it is not one of the two newest
                     LTS lines the current LTS as well)
  --backend NAME     ralloc's backend: ${BACKENDS.join(', ')}
  --blocks N         sets of fresh processes, over which intervals are taken (default 3, frame 6)
  --seconds N        seconds of a slice (default 0.22, and 0.05 at the fixed rate)
  --port N           the servers listen on N and the ports after it (default: any that are free)
  --json             one JSON object on stdout
  --help`;

/** The command line is wrong; the demo ends with 2. */
class UsageError extends Error {}

function oneOf(names, value, option) {
  if (names.includes(value)) return value;
  throw new UsageError(`${option} must be one of ${names.join(', ')}, not "${value}"`);
}

function number(value, option, { least, most, whole }) {
  const n = value.trim() === '' ? Number.NaN : Number(value);
  if (n >= least && n <= most && (!whole || Number.isInteger(n))) return n;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`${option} must be ${kind} from ${least} to ${most}, not "${value}"`);
}

const TAKING_A_VALUE = {
  '--mix': (o, value, name) => {
    o.mix = oneOf(MIXES, value, name);
  },
  '--server': (o, value, name) => {
    o.server = oneOf(SERVERS, value, name);
  },
  '--node': (o, value) => {
    o.node = value;
  },
  '--backend': (o, value, name) => {
    o.backend = oneOf(BACKENDS, value, name);
  },
  '--blocks': (o, value, name) => {
    o.blocks = number(value, name, { least: 2, most: 1000, whole: true });
  },
  '--seconds': (o, value, name) => {
    o.seconds = number(value, name, { least: 0.05, most: 3600 });
  },
  '--port': (o, value, name) => {
    o.port = number(value, name, { least: 1, most: 65_500, whole: true });
  },
};

const FLAGS = [
  '--all',
  '--fallback',
  '--flood',
  '--tenants',
  '--group',
  '--long',
  '--json',
  '--help',
];
const FLOOD = ['--flood', '--tenants', '--group'];

const NOTHING = Object.fromEntries(FLAGS.map((name) => [name.slice(2), false]));

/** Reads argv; throws a UsageError that says what is wrong. */
function parse(argv) {
  const options = { node: null, port: 0, ...NOTHING };
  const rest = argv.flatMap((word) => (/^--\w+=/.test(word) ? word.split(/=(.*)/s, 2) : [word]));
  while (rest.length > 0) {
    const name = rest.shift();
    if (FLAGS.includes(name)) options[name.slice(2)] = true;
    else if (!Object.hasOwn(TAKING_A_VALUE, name)) throw new UsageError(`unknown option ${name}`);
    else if (rest.length === 0) throw new UsageError(`${name} needs a value`);
    else TAKING_A_VALUE[name](options, rest.shift(), name);
  }
  const { all, fallback, mix, server } = options;
  if (fallback && (all || options.backend !== undefined))
    throw new UsageError('--fallback compares both backends, and goes without --all and --backend');
  if (options.flood && (argv.length > 2 || argv.some((word) => !FLOOD.includes(word))))
    throw new UsageError('--flood goes with --tenants or --group, and nothing else');
  if (!options.flood && (options.tenants || options.group))
    throw new UsageError('--tenants and --group are for --flood');
  const usual = fallback ? BACKENDS_MIXES : DEFAULT_MIXES;
  options.mixes = mix ? [mix] : all ? MIXES : usual;
  options.servers = server ? [server] : all ? SERVERS : SERVERS.slice(0, 1);
  return options;
}

module.exports = { number, parse, USAGE, UsageError };
