'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { isNative } = require('./backend.js');

const fixtures = join(__dirname, '..', 'fixtures');

/**
 * A C source of fixtures/ as a library for LD_PRELOAD, until the tests of `test` are over; undefined where it cannot be
 * compiled, or changes nothing: without Linux, a binary or a compiler.
 */
function preloadLibrary(test, source) {
  if (process.platform !== 'linux' || !isNative) return undefined;
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'ralloc-test-'));
  test.after.always(() => fs.rmSync(folder, { recursive: true }));
  const output = join(folder, 'preloaded.so');
  try {
    const flags = ['-shared', '-fPIC', '-O1', '-o', output];
    execFileSync('cc', [...flags, join(fixtures, source)], { stdio: 'ignore' });
    return output;
  } catch {
    return undefined;
  }
}

module.exports = { preloadLibrary };
