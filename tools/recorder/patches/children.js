'use strict';

// Records children that the application starts with their own environment. Without the variables of `ralloc profile` they would not be recorded, or write to
// another file. So this adds the variables, and the child removes them before user code runs (pass-on.js).

const childProcess = require('node:child_process');
const { syncBuiltinESMExports } = require('node:module');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../../../lib/base/attempt.js');

const NODE = /^(node|nodejs)(\.exe)?$/i;

/** A child with this option may not be able to read ralloc, and would then fail to start. */
const PERMISSION = /^--(experimental-)?permission$/;

/** Matches options of Node that load the recorder, in NODE_OPTIONS or as an argument. */
const LOADS = /\bralloc[\\/]+profile(?![\w\\/-])|[\\/]recorder[\\/]+preload\.js\b/;
const loads = (text) => LOADS.test(text);

const TOLD = 'RALLOC_PROFILE_FILE';

/** Whether the child is a Node that would not record into the file by itself. `told`: the file that it is given; `options`: its NODE_OPTIONS. */
function needsOurs(file, args, told, options = '') {
  const isNode =
    typeof file === 'string' && (file === process.execPath || NODE.test(path.basename(file)));
  if (!isNode) return false;
  const given = [...args, ...options.split(/\s+/)];
  if (given.some((arg) => PERMISSION.test(arg))) return false;
  return told === undefined || !(loads(options) || args.some(loads));
}

const nameOf = (pair) => `${pair}`.split('=', 1)[0];

/** The value of the last pair with this name; undefined without one. */
function textOf(pairs, name) {
  const pair = pairs.findLast((one) => nameOf(one) === name);
  return pair === undefined ? undefined : `${pair}`.slice(name.length + 1);
}

function withOurs(options, variablesOver) {
  const { file, args, envPairs } = options;
  const own = textOf(envPairs, 'NODE_OPTIONS');
  if (!needsOurs(file, args ?? [], textOf(envPairs, TOLD), own)) return options;
  const ours = variablesOver(own);
  const others = envPairs.filter((pair) => !Object.hasOwn(ours, nameOf(pair)));
  const pairs = Object.entries(ours).map(([name, text]) => `${name}=${text}`);
  return { ...options, envPairs: [...others, ...pairs] };
}

/** Wraps ChildProcess.prototype.spawn(), which all asynchronous functions call: `envPairs` has the whole environment. */
const starting = (variablesOver) => (original) =>
  function spawn(options) {
    const isGiven = Array.isArray(options?.envPairs);
    const given = isGiven ? attempt(() => withOurs(options, variablesOver), options) : options;
    return Reflect.apply(original, this, [given]);
  };

/** Puts the variables of a child into the options of spawnSync() and execFileSync(). */
function addOurs(given, variablesOver) {
  const at = given[1] == null || Array.isArray(given[1]) ? 2 : 1;
  const [file, options] = [given[0], given[at]];
  const env = options?.env || process.env; // as Node does
  const args = at === 2 ? (given[1] ?? []) : [];
  if (options?.shell || !needsOurs(file, args, env[TOLD], env.NODE_OPTIONS)) return;
  given[at] = { ...options, env: { ...env, ...variablesOver(env.NODE_OPTIONS) } };
}

const waiting = (variablesOver) => (original) =>
  function run(...given) {
    attempt(() => addOurs(given, variablesOver));
    return Reflect.apply(original, this, given);
  };

/** `variablesOver(options)`: returns the variables for a child whose own NODE_OPTIONS are `options`. */
function patchChildren(patches, variablesOver) {
  patches.method(childProcess.ChildProcess.prototype, 'spawn', starting(variablesOver));
  for (const name of ['spawnSync', 'execFileSync']) {
    patches.method(childProcess, name, waiting(variablesOver));
  }
  syncBuiltinESMExports();
}

module.exports = { loads, patchChildren };
