'use strict';

// Children of `ralloc profile` that get an environment of their own. Without its variables they would not be recorded, or into another file; they get
// them, and take them off again before anybody sees them (options.js).

const childProcess = require('node:child_process');
const { syncBuiltinESMExports } = require('node:module');
const path = require('node:path');
const process = require('node:process');

const NODE = /^(node|nodejs)(\.exe)?$/i;

/** It may not be able to read ralloc, and would not begin then. */
const PERMISSION = /^--(experimental-)?permission$/;

const isNode = (file, args) =>
  typeof file === 'string' &&
  (file === process.execPath || NODE.test(path.basename(file))) &&
  !args.some((arg) => PERMISSION.test(arg));

const TOLD = 'RALLOC_PROFILE_FILE';

/** ChildProcess.prototype.spawn(), which all that do not wait come to: `envPairs` has the whole environment. */
const starting = (variablesOver) => (original) =>
  function spawn(options) {
    const { file, args, envPairs } = Object(options);
    const isOurs =
      Array.isArray(envPairs) &&
      isNode(file, args ?? []) &&
      !envPairs.some((pair) => `${pair}`.startsWith(`${TOLD}=`));
    return Reflect.apply(original, this, [
      isOurs ? { ...options, envPairs: withPairs(envPairs, variablesOver) } : options,
    ]);
  };

const OPTIONS = 'NODE_OPTIONS=';

function withPairs(pairs, variablesOver) {
  const own = pairs.findLast((pair) => `${pair}`.startsWith(OPTIONS))?.slice(OPTIONS.length);
  const ours = Object.entries(variablesOver(own)).map(([name, text]) => `${name}=${text}`);
  return [...pairs.filter((pair) => !`${pair}`.startsWith(OPTIONS)), ...ours];
}

/** spawnSync() and execFileSync(). */
const waiting = (variablesOver) => (original) =>
  function run(...given) {
    const at = given[1] == null || Array.isArray(given[1]) ? 2 : 1;
    const [file, options] = [given[0], given[at]];
    const env = options?.env || process.env; // as Node does
    const args = at === 2 ? (given[1] ?? []) : [];
    const isOurs = !options?.shell && isNode(file, args) && env[TOLD] === undefined;
    if (isOurs) given[at] = { ...options, env: { ...env, ...variablesOver(env.NODE_OPTIONS) } };
    return Reflect.apply(original, this, given);
  };

/** `variablesOver(options)`: the variables, where the child's own NODE_OPTIONS are `options`. */
function patchChildren(patches, variablesOver) {
  patches.method(childProcess.ChildProcess.prototype, 'spawn', starting(variablesOver));
  for (const name of ['spawnSync', 'execFileSync']) {
    patches.method(childProcess, name, waiting(variablesOver));
  }
  syncBuiltinESMExports();
}

module.exports = { patchChildren };
