'use strict';
// tier: run-time

// What is loaded at its first use, also after a require() that was cut off.

const fs = require('node:fs');
const { join } = require('node:path');
const vm = require('node:vm');
const test = require('ava');
const { copyOfPackage } = require('../helpers/copy-of-package.js');

test('it is loaded at the first call, once', (t) => {
  const { lazy } = require('../../lib/base/lazy.js');
  let calls = 0;
  const get = lazy(() => {
    calls++;
    return undefined;
  });
  t.is(calls, 0);
  t.deepEqual([get(), get(), calls], [undefined, undefined, 1]);
});

test('what throws is loaded anew at the next call', (t) => {
  const { lazy } = require('../../lib/base/lazy.js');
  const results = [new Error('no memory'), 'loaded'];
  const get = lazy(() => {
    const result = results.shift();
    if (result instanceof Error) throw result;
    return result;
  });
  t.throws(get, { message: 'no memory' });
  t.deepEqual([get(), get(), results], ['loaded', 'loaded', []]);
});

/** Modules that do not end while `isEndless`: one of ralloc's and one of nobody's. */
const ENDLESS = 'exports.first = 1;\nwhile (globalThis.isEndless);\nexports.last = 2;';
const FILES = {
  'lib/whole.js': '',
  'lib/half.js': ENDLESS,
  'lib/above.js': "exports.whole = require('./whole.js');\nexports.half = require('./half.js');",
  'other/half.js': ENDLESS,
};

/** Calls load() until a timeout of vm has ended it in the middle of `file`. */
function cutOff(load, file) {
  globalThis.isEndless = true;
  globalThis.cutOffLoad = load;
  for (let timeout = 16; require.cache[file]?.exports.first !== 1; timeout *= 2) {
    delete require.cache[file];
    try {
      vm.runInThisContext('cutOffLoad()', { timeout });
    } catch (error) {
      if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    }
  }
  globalThis.isEndless = false;
}

test('half a module, which a timeout of vm has left, is loaded anew; what is whole stays, and what is not ours', (t) => {
  const folder = fs.realpathSync(copyOfPackage(t, FILES));
  const at = (file) => join(folder, file);
  const { lazy } = require(at('lib/base/lazy.js'));
  const whole = require(at('lib/whole.js'));
  const get = lazy(() => require(at('lib/above.js')));
  cutOff(get, at('lib/half.js'));
  cutOff(() => require(at('other/half.js')), at('other/half.js'));
  t.deepEqual({ ...require(at('lib/half.js')) }, { first: 1 }, 'so Node has it for ever');
  t.deepEqual(get(), { whole: {}, half: { first: 1, last: 2 } });
  t.is(get(), require(at('lib/above.js')));
  t.is(get().whole, whole);
  t.deepEqual({ ...require(at('other/half.js')) }, { first: 1 });
});
