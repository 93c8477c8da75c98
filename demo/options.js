'use strict';

// The command line of the demo.

const fs = require('node:fs');

const MIXES = ['frame', 'ingest', 'digest', 'serve', 'json'];
const SERVERS = ['express', 'http'];

const USAGE = `usage: npm run demo -- [options]

  --mix NAME       only this mix: ${MIXES.join(', ')}
  --server NAME    only this server: ${SERVERS.join(', ')}
  --node PATH      the Node.js that the servers run on (default: this one)
  --peers          also allocUnsafe with V8's tuning flags, and a hand-written pool
  --rounds N       rounds of each phase (default 3)
  --seconds N      seconds of each server's turn in a round (default: see below)
  --json           one JSON object on stdout instead of the table
  --help

Without --seconds a turn takes 0.55 s through Express and 0.3 s on bare node:http, so that the whole
run takes less than two minutes.`;

class UsageError extends Error {}

function oneOf(names, value, option) {
  if (names.includes(value)) return value;
  throw new UsageError(`${option} must be one of ${names.join(', ')}, not "${value}"`);
}

function number(value, option, { least, most, whole }) {
  const n = Number(value);
  if (n >= least && n <= most && (!whole || Number.isInteger(n))) return n;
  const kind = whole ? 'a whole number' : 'a number';
  throw new UsageError(`${option} must be ${kind} from ${least} to ${most}, not "${value}"`);
}

function program(value, option) {
  try {
    fs.accessSync(value, fs.constants.X_OK);
    if (fs.statSync(value).isFile()) return fs.realpathSync(value);
  } catch {}
  throw new UsageError(`${option}: "${value}" is not a program`);
}

const TAKING_A_VALUE = {
  '--mix': (o, value, name) => {
    o.mixes = [oneOf(MIXES, value, name)];
  },
  '--server': (o, value, name) => {
    o.servers = [oneOf(SERVERS, value, name)];
  },
  '--node': (o, value, name) => {
    o.node = program(value, name);
  },
  '--rounds': (o, value, name) => {
    o.rounds = number(value, name, { least: 3, most: 1000, whole: true });
  },
  '--seconds': (o, value, name) => {
    o.seconds = number(value, name, { least: 0.1, most: 3600 });
  },
};

/** Reads argv; throws a UsageError that says what is wrong. */
function parse(argv) {
  const options = {
    mixes: MIXES,
    servers: SERVERS,
    node: process.execPath,
    rounds: 3,
    seconds: null,
    peers: false,
    json: false,
    help: false,
  };
  const rest = argv.flatMap((word) => (/^--\w+=/.test(word) ? word.split(/=(.*)/s, 2) : [word]));
  while (rest.length > 0) {
    const name = rest.shift();
    if (['--peers', '--json', '--help'].includes(name)) options[name.slice(2)] = true;
    else if (!Object.hasOwn(TAKING_A_VALUE, name)) throw new UsageError(`unknown option ${name}`);
    else if (rest.length === 0) throw new UsageError(`${name} needs a value`);
    else TAKING_A_VALUE[name](options, rest.shift(), name);
  }
  return options;
}

/** Seconds of each turn: warm-up once, then `closed` and `fixed` in every round. */
function turns(options, server) {
  if (options.seconds !== null) {
    return { warm: Math.max(1, options.seconds), closed: options.seconds, fixed: options.seconds };
  }
  if (server === 'express') return { warm: 0.6, closed: 0.55, fixed: 0.55 };
  return { warm: 0.4, closed: 0.3, fixed: 0.25 };
}

module.exports = { parse, turns, USAGE, UsageError };
