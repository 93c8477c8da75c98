'use strict';
// tier: run-time, differs

// release() of Buffers of every kind at random, while operations are in flight on others: nobody else's bytes change. In programs of their
// own, some of them over an allocator that shows whoever uses freed memory.

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { sharp, snappy } = require('../helpers/addons.js');
const { budget, isSoak } = require('../helpers/budget.js');
const { testWhere } = require('../helpers/backend.js');
const { run } = require('../helpers/child.js');

const { isForThisNode } = require('../helpers/preload.js');
const { libcOfProcess } = require('../../lib/memory/binary-file.js');

const ROUNDS = budget(1, 40);
const STEPS = isSoak ? 5000 : 140; // each of the kinds is made twice
const OPERATIONS = 5 + [sharp, snappy].filter(Boolean).length; // kinds of them

function findSanitizer() {
  if (libcOfProcess() !== 'glibc') return undefined; // whose the compiler's is
  try {
    if (!isForThisNode('gcc')) return undefined;
    const args = ['-print-file-name=libasan.so'];
    const path = execFileSync('gcc', args, { encoding: 'utf8', stdio: 'pipe' }).trim();
    return fs.existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

async function fuzz(t, seed, env = {}) {
  const args = [seed, STEPS];
  const { code, signal, stderr, result } = await run('memory/release-fuzz.js', { args, env });
  t.deepEqual({ code, signal }, { code: 0, signal: null }, `seed ${seed}: ${stderr}`);
  t.true(result.looked > STEPS);
  t.is(Object.keys(result.operations).length, OPERATIONS);
  return result;
}

// glibc fills what is freed: whoever still has it sees that.
test('no Buffer but the released one changes, also where freed memory is overwritten at once', async (t) => {
  const names = new Set();
  let all;
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const MALLOC_PERTURB_ = isSoak && seed % 2 === 0 ? '0' : '165';
    const { released, kept, kinds } = await fuzz(t, seed, { MALLOC_PERTURB_ });
    all = kinds;
    for (const name of [...Object.keys(released), ...Object.keys(kept)]) names.add(name);
  }
  t.true(names.size > all / 2, `${names.size}`); // which, depends on timing too
});

const sanitizer = findSanitizer();
testWhere(
  sanitizer !== undefined,
  'the AddressSanitizer of gcc',
  'AddressSanitizer sees no use after free',
  async (t) => {
    const env = { LD_PRELOAD: sanitizer, ASAN_OPTIONS: 'detect_leaks=0' };
    for (let seed = 1; seed <= ROUNDS; seed++) await fuzz(t, 200 + seed, env);
  },
);
