'use strict';
// tier: run-time, differs

// A runtime that refuses external memory, as a V8 with its sandbox does: a library that is preloaded into Node
// answers so in the place of Node-API, to the real binary, of which a copy asks for it by another name.

const test = require('ava');
const fs = require('node:fs');
const { basename } = require('node:path');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');
const { builtBinary, copyOfPackage } = require('../helpers/copy-of-package.js');
const { preloadLibrary } = require('../helpers/preload.js');

const library = preloadLibrary(test, 'memory/refuses-external-memory.c');

const refusalTest = (title, body) =>
  testWhere(library !== undefined, 'a binary, Linux and a C compiler', title, body);

const NAME = Buffer.from('\0napi_create_external_arraybuffer\0');
const OTHER = Buffer.from('\0napi_create_external_arraybuffeR\0');

/** The binary, with that one name changed in its table of names. */
function asksTheLibrary(t) {
  const binary = fs.readFileSync(builtBinary);
  const at = binary.indexOf(NAME);
  t.not(at, -1);
  OTHER.copy(binary, at);
  return binary;
}

/** Runs a program on such a runtime, with a copy of the package as its argument. */
async function onSuchRuntime(t, name, after) {
  const args = [copyOfPackage(t, { [basename(builtBinary)]: asksTheLibrary(t) })];
  const env = { RALLOC_BACKEND: '', LD_PRELOAD: library, REFUSES_AFTER: `${after}` };
  const { code, signal, stderr, result } = await run(name, { args, env });
  t.deepEqual([code, signal], [0, null], stderr);
  return result;
}

refusalTest(
  'where the runtime refuses external memory, the fallback serves with one warning',
  async (t) => {
    const { backend, works, warnings } = await onSuchRuntime(t, 'memory/which-backend.js', 0);
    t.is(backend, 'js');
    t.true(works);
    t.is(warnings.length, 1);
    t.is(warnings[0].code, 'RALLOC_JS_BACKEND');
    t.regex(
      warnings[0].message,
      /: ERR_RALLOC_UNSUPPORTED: this runtime refused external memory \(22\)$/,
    );
  },
);

refusalTest(
  'where it refuses external memory later, that is a typed error or the heap',
  async (t) => {
    const result = await onSuchRuntime(t, 'memory/refused-later.js', 2);
    const message = 'this runtime refused external memory (22)';
    t.deepEqual(result, {
      backend: 'native',
      error: { branded: true, code: 'ERR_RALLOC_UNSUPPORTED', message },
      unchanged: true,
      intact: true,
      safe: true,
      request: { length: 100, heap: 1 },
    });
  },
);
