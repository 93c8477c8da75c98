'use strict';

// Which memory a copy of the package loads, in a process of its own, and why.

const { version } = require('../../package.json');
const { TARGETS, hostTriple } = require('../../scripts/release/targets.js');
const { testWhere } = require('./backend.js');
const { run } = require('./child.js');
const { builtBinary } = require('./copy-of-package.js');

/** This platform; undefined where it is not Linux, which these tests are written for. */
const target = process.platform === 'linux' ? TARGETS[hostTriple()] : undefined;
const platform = target?.platform;

/** What the package in `folder` loads: { backend, backendReason, version, works, warnings }. */
async function loads(t, folder, { backend = '', ...options } = {}) {
  const env = { RALLOC_BACKEND: backend, ...options.env };
  const { code, stderr, result } = await run('memory/which-backend.js', {
    ...options,
    args: [folder],
    env,
  });
  t.is(code, 0, stderr);
  t.true(result.works);
  t.is(result.version, version);
  return result;
}

/** Checks that the fallback serves, and that one line tells of it and of the reason, which the program can read. */
function fellBack(t, { backend, backendReason, warnings }, reason) {
  t.is(backend, 'js');
  t.is(warnings.length, 1);
  const [{ code, name, message }] = warnings;
  t.is(code, 'RALLOC_JS_BACKEND');
  t.is(name, 'RallocWarning');
  t.notRegex(message, /\n/);
  t.true(message.endsWith(`no memory options: ${backendReason}`), message);
  if (typeof reason === 'string') t.is(backendReason, reason);
  else t.regex(backendReason, reason);
}

/** A test of what is found under the names of this platform. */
const platformTest = (title, body) => testWhere(platform !== undefined, 'Linux', title, body);

/** A test of loading a binary: of Linux, and where one was built. */
const hasBinary = builtBinary !== undefined && platform !== undefined;
const binaryTest = (title, body) => testWhere(hasBinary, 'a binary built here', title, body);

/** A test, given what the binary exports as `name` for tests alone: a released one has none of that. */
function coreTest(title, name, body) {
  const own = hasBinary ? require(builtBinary)[name] : undefined;
  testWhere(own !== undefined, 'a binary built by npm run build', title, (t) => body(t, own));
}

module.exports = {
  binaryTest,
  coreTest,
  fellBack,
  hasBinary,
  loads,
  platform,
  platformTest,
  target,
};
