'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { isNative } = require('./backend.js');

const MACHINES = { x64: /^(?:x86_64|amd64)-/, arm64: /^aarch64-/ };

const fixtures = join(__dirname, '..', 'fixtures');

/** Whether a compiler's libraries are for this Node: one that is emulated has the compiler of another machine. */
function isForThisNode(compiler) {
  const machine = execFileSync(compiler, ['-dumpmachine'], { encoding: 'utf8', stdio: 'pipe' });
  return MACHINES[process.arch]?.test(machine) ?? false;
}

/**
 * A C source of fixtures/ as a library for LD_PRELOAD, until the tests of `test` are over; undefined where it cannot be
 * compiled, or changes nothing: without Linux, a binary or a
 * compiler for this machine.
 */
function preloadLibrary(test, source) {
  if (process.platform !== 'linux' || !isNative) return undefined;
  const folder = fs.mkdtempSync(join(os.tmpdir(), 'ralloc-test-'));
  test.after.always(() => fs.rmSync(folder, { recursive: true }));
  const output = join(folder, 'preloaded.so');
  try {
    if (!isForThisNode('cc')) return undefined;
    const flags = ['-shared', '-fPIC', '-O1', '-o', output];
    execFileSync('cc', [...flags, join(fixtures, source), '-ldl'], { stdio: 'ignore' });
    return output;
  } catch {
    return undefined;
  }
}

module.exports = { isForThisNode, preloadLibrary };
