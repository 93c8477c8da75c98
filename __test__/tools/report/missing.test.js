'use strict';

// tier: tools

// Profiles that are not whole: the report gives the verdict that it can, and says what is missing.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { encodeMemory } = require('../../../tools/recorder/block.js');
const { encode } = require('../../../tools/recorder/lines.js');
const { attempt } = require('../../../lib/base/attempt.js');
const { posixTest } = require('../../helpers/backend.js');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { bin } = require('../../helpers/profile.js');
const { until } = require('../../helpers/until.js');
const { recording, site } = require('../../helpers/recorded.js');

const MB = 1e6;
const KEPT = {
  site: site('Buffer.alloc', ['make /app/make.js:3:4']),
  size: 60_000,
  perSecond: 10 * MB,
};

async function reported(t, ...pieces) {
  const file = path.join(folder(t), 'app.jsonl');
  fs.writeFileSync(file, Buffer.concat(pieces));
  const { code, stdout, stderr } = await called(['report', file]);
  t.is(code, 0, stderr);
  return stdout;
}

const bytesOf = (options) =>
  Buffer.concat(recording({ behaviours: [KEPT], ...options }).map(encode));

test('a profile that was cut short: the lines that are there, and what its process could not tell', async (t) => {
  const bytes = bytesOf({ seconds: 20 });
  const stdout = await reported(t, bytes.subarray(0, bytes.length - 7));
  t.regex(stdout, /^memory: .+: 1\d\d MB more are Buffers that live$/m);
  t.regex(stdout, /^missing: .+ of the file are of no whole line/m);
  t.regex(stdout, /^missing: what malloc keeps, .+: process 4242 was killed, still runs or ended/m);
});

test('a profile of an earlier version has no figures of the peak', async (t) => {
  const grown = { heap: 0, buffers: 190 * MB };
  const memory = { pid: 4242, start: 50 * MB, peak: 260 * MB, end: 250 * MB, grown, addons: [] };
  const stdout = await reported(t, bytesOf(), encodeMemory(memory));
  t.regex(stdout, /^memory: .+: 190 MB more are Buffers that live$/m);
  t.regex(stdout, /^missing: what waited, and the peak: the profile is of an earlier version$/m);
});

test('of two processes, the one that grew most is told, and that there is another', async (t) => {
  const small = { ...KEPT, perSecond: MB };
  const stdout = await reported(t, bytesOf(), bytesOf({ pid: 4243, behaviours: [small] }));
  t.regex(stdout, /^missing: the memory of the others: of 2 processes 4242 grew most/m);
});

test('a profile without a sample, and one of a moment', async (t) => {
  const stdout = await reported(t, bytesOf({ behaviours: [], seconds: 2 }));
  t.regex(stdout, /^0 B allocated in 2 s/m);
  t.regex(stdout, /^missing: no sample: /m);
  t.regex(stdout, /^missing: which memory has grown: no process told it/m);
});

test('on Node 20, that many collections may be the recorder’s own', async (t) => {
  const of = (node) => {
    const blocks = recording({ behaviours: [KEPT] });
    const told = blocks.map((block, i) => ({
      ...block,
      ...{ number: i + 1, collections: 100 * (i + 1), recorder: { ...block.recorder, node } },
    }));
    return reported(t, Buffer.concat(told.map(encode)));
  };
  t.regex(await of('v20.19.5'), /^missing: .+V8 collected each 20 ms, and on Node 20 /m);
  t.notRegex(await of('v24.21.0'), /V8 collected each/);
});

const GROWS = require.resolve('../../fixtures/tools/report/grows.js');

posixTest('a process that is killed', async (t) => {
  const cwd = folder(t);
  const env = { ...process.env, RALLOC_PROFILE_FILE: 'app.jsonl' };
  const preload = path.join(path.dirname(bin), '..', 'tools', 'recorder', 'preload.js');
  const child = spawn(process.execPath, ['--require', preload, GROWS], { cwd, env });
  const file = path.join(cwd, 'app.jsonl');
  const slots = () => attempt(() => fs.readFileSync(file, 'latin1'), '').match(/"process":/g) ?? [];
  await until(() => slots().length > 2);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { stdout } = await called(['report', file]);
  t.regex(stdout, /^memory: .+ MB more are Buffers that live$/m);
  t.regex(stdout, /grows\.js:6 Timeout\.grow\(\)/);
  t.regex(stdout, /^missing: what malloc keeps, .+ was killed, still runs or ended/m);
});
