'use strict';

// Which of the installed binaries is loaded.

const test = require('ava');
const { copyOfPackage, builtBinary } = require('./helpers/copy-of-package.js');
const { run } = require('./helpers/child.js');
const { version } = require('../package.json');

const names = { linux: ['gnu', 'musl'].map((libc) => `linux-${process.arch}-${libc}`) }[
  process.platform
] ?? [`${process.platform}-${process.arch}${process.platform === 'win32' ? '-msvc' : ''}`];

/** Loads a copy of the package with these modules as the platforms' packages. */
async function load(t, modules) {
  const files = modules.map((source, i) => [`node_modules/@ralloc/${names[i]}/index.js`, source]);
  const folder = copyOfPackage(t, Object.fromEntries(files));
  const { code, stderr, result } = await run('which-backend.js', {
    args: [folder],
    env: { RALLOC_BACKEND: '' },
  });
  t.is(code, 0, stderr);
  t.true(result.works);
  return result;
}

const good = `module.exports = require(${JSON.stringify(builtBinary)});`;
const failing = "throw Object.assign(new Error('wrong C library'), { code: 'ERR_DLOPEN_FAILED' });";

if (builtBinary !== undefined && process.platform === 'linux') {
  test('where both C libraries’ packages are installed, the one that loads is taken, without a word', async (t) => {
    const { backend, warnings } = await load(t, [failing, good]);
    t.is(backend, 'native');
    t.deepEqual(warnings, []);
  });
}

test('where every installed binary fails, the first one’s reason is told', async (t) => {
  const other = failing.replace('wrong C library', 'the other one');
  const { backend, warnings } = await load(t, names.length > 1 ? [failing, other] : [failing]);
  t.is(backend, 'js');
  t.is(warnings.length, 1);
  t.regex(warnings[0].message, /wrong C library/);
});

test('a binary of another release is not used', async (t) => {
  const { backend, warnings } = await load(t, ["exports.version = () => '0.0.1';"]);
  t.is(backend, 'js');
  t.deepEqual(
    warnings.map(({ code }) => code),
    ['RALLOC_JS_BACKEND'],
  );
  t.true(warnings[0].message.includes(`the binary is of ralloc 0.0.1, this is ${version}`));
});
