'use strict';

// The variants of `ralloc compare`: each is an environment for the application's command, and the
// line that starts it so.

const fs = require('node:fs');
const path = require('node:path');
const { attempt } = require('../../../lib/base/attempt.js');
const { nearest } = require('../../../lib/base/validate.js');
const { limitVariables } = require('../../../lib/limit/setting.js');
const { libcOfProcess } = require('../../../lib/memory/binary-file.js');
const { isNode } = require('../application.js');
const { UsageError } = require('../print.js');

const AUTO = require.resolve('../../../lib/auto/preload.js');
const SET_FLAG = require.resolve('../../compare/flag.js');
const FLAG = '--external-memory-accounted-in-global-limit';
/** Node's versions that know the flag, and have it off. */
const WITH_FLAG = [24, 25, 26];
const SAFE = /^[\w@%+=:,./-]+$/;

const JEMALLOC = [
  '/usr/lib',
  '/usr/lib64',
  '/usr/local/lib',
  '/lib',
  '/lib64',
  '/opt/homebrew/lib',
];
const FOLDER = /^(x86_64|aarch64)-linux-(gnu|musl)$/;
const FILE = /^libjemalloc\.(so\.\d+|so|\d*\.?dylib)$/;

const list = (folder) => attempt(() => fs.readdirSync(folder), []);

/** The library of jemalloc on this machine; undefined if there is none. */
function jemalloc() {
  const folders = JEMALLOC.flatMap((folder) => [
    ...list(folder)
      .filter((name) => FOLDER.test(name))
      .map((name) => path.join(folder, name)),
    folder,
  ]);
  const files = folders.flatMap((folder) =>
    list(folder)
      .filter((name) => FILE.test(name))
      .sort()
      .map((name) => path.join(folder, name)),
  );
  return files[0];
}

const preloadsOf = (env) => [jemalloc(), env.LD_PRELOAD].filter(Boolean).join(' ');

const quoted = (word) => (SAFE.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
const lineOf = (command) => command.map(quoted).join(' ');

const withOptions = (env, text) => ({
  ...env,
  NODE_OPTIONS: env.NODE_OPTIONS ? `${env.NODE_OPTIONS} ${text}` : text,
});

const semiSpace = (size) => ({
  label: `semi-${size}`,
  env: (env) => withOptions(env, `--max-semi-space-size=${size}`),
  start: (line) =>
    `NODE_OPTIONS=${quoted(withOptions(process.env, `--max-semi-space-size=${size}`).NODE_OPTIONS)} ${line}`,
});

/** The line for V8's flag, which only an argument of node sets. */
function flagLine(line, [program, ...others]) {
  if (!isNode(program)) return `${line}, with node's argument ${FLAG}`;
  return lineOf([program, FLAG, ...others]);
}

/**
 * Name → `{ label, env(env, options), preload, start(line, command, options), why(options) }`.
 * `why`: why it is not possible here.
 */
const VARIANTS = {
  plain: { env: (env) => env, start: (line) => line },
  run: { preload: AUTO, env: (env) => env, start: (line) => `npx ralloc run -- ${line}` },
  'memory-limit': {
    label: 'mem-limit',
    preload: AUTO,
    env: (env, { limit, command }) => ({ ...env, ...limitVariables(limit, env, command) }),
    start: (line, _, { limit }) => `npx ralloc run --memory-limit ${quoted(limit)} -- ${line}`,
    why({ limit, command }) {
      try {
        limitVariables(limit, process.env, command);
        return undefined;
      } catch ({ message }) {
        return `--memory-limit is '${limit}': ${message}`;
      }
    },
  },
  flag: {
    preload: SET_FLAG,
    env: (env) => env,
    start: flagLine,
    whyOn: (node) =>
      WITH_FLAG.includes(Number.parseInt(node, 10))
        ? undefined
        : `Node ${node} does not have V8's flag for Buffers`,
  },
  arenas: {
    env: (env) => ({ ...env, MALLOC_ARENA_MAX: '2' }),
    start: (line) => `MALLOC_ARENA_MAX=2 ${line}`,
    why: () => (libcOfProcess() === 'glibc' ? undefined : 'malloc is not that of glibc'),
  },
  jemalloc: {
    env: (env) => ({ ...env, LD_PRELOAD: preloadsOf(env) }),
    start: (line) => `LD_PRELOAD=${quoted(preloadsOf(process.env))} ${line}`,
    why: () =>
      process.platform === 'linux' && jemalloc() ? undefined : 'its library is not on this machine',
  },
  'semi-space-16': semiSpace(16),
  'semi-space-64': semiSpace(64),
  table: {
    preload: AUTO,
    env: (env, { table }) => ({ ...env, ...table.variables }),
    start(_, __, { table: { file, isSuggested, options } }) {
      const line = lineOf(['npx', 'ralloc', 'apply', '-t', file, ...options]);
      // What is only suggested it tells, and changes not.
      return isSuggested ? `${line}, and by hand what that suggests` : `${line} | git apply`;
    },
  },
};

const NAMES = Object.keys(VARIANTS);
const GROUPS = { 'semi-space': ['semi-space-16', 'semi-space-64'] };

/** The names that `--with` asks for, of `text`; plain is always one. */
function namesOf(text, hasTable) {
  const usual = NAMES.filter((name) => name !== 'table');
  if (text === undefined) return hasTable ? [...usual, 'table'] : usual;
  const wanted = text.split(',').flatMap((name) => GROUPS[name] ?? [name]);
  for (const name of wanted) {
    if (NAMES.includes(name)) continue;
    const near = nearest(name, NAMES);
    const advice = near === undefined ? `There are ${NAMES.join(', ')}` : `Did you mean "${near}"?`;
    throw new UsageError(`--with: there is no variant "${name}". ${advice}`);
  }
  if (wanted.includes('table') && !hasTable)
    throw new UsageError('--with: the variant "table" needs --table FILE');
  const all = hasTable && !wanted.includes('table') ? [...wanted, 'table'] : wanted;
  return ['plain', ...new Set(all.filter((name) => name !== 'plain'))];
}

/**
 * `{ variants, left }` of names: `left`, those that are not possible here, with why. `options`: `{
 * command, limit, table }`.
 */
function variantsOf(names, options) {
  const all = names.map((name) => {
    const { label, env, preload, start, why, whyOn } = VARIANTS[name];
    const not = why?.(options);
    if (not !== undefined) return { name, not };
    const line = start(lineOf(options.command), options.command, options);
    return { name, label, preload, whyOn, start: line, env: env(process.env, options) };
  });
  return {
    variants: all.filter(({ not }) => not === undefined),
    left: all.filter(({ not }) => not !== undefined).map(({ name, not }) => `${name}: ${not}`),
  };
}

module.exports = { namesOf, variantsOf };
