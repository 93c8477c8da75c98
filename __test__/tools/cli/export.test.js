'use strict';
// tier: tools

// `ralloc export`: what other tools read, and what it refuses.

const test = require('ava');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { events } = require('../../../tools/recorder/events.js');
const { bucketOf } = require('../../../tools/recorder/buckets.js');
const { encode } = require('../../../tools/recorder/lines.js');
const { testWhere } = require('../../helpers/backend.js');
const { run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, siteOf, writeProfile } = require('../../helpers/profiles.js');
const { hasPprof, pprof } = require('../../helpers/readers.js');

const bin = path.join(__dirname, '..', '..', '..', 'bin', 'ralloc.js');
const exported = (...args) => run('', { path: bin, args: ['export', ...args] });

test('several profiles are summed, and -o writes a file', async (t) => {
  const dir = folder(t);
  const files = [1, 2].map((seed) => writeProfile(dir, seed));
  const [merged, out] = ['merged', 'out'].map((name) => path.join(dir, name));
  await run('', { path: bin, args: ['merge', '-o', merged, ...files] });
  const { code, stdout } = await exported('--pprof', '-o', out, ...files);
  t.is(code, 0);
  t.is(stdout, '');
  const whole = spawnSync(process.execPath, [bin, 'export', '--pprof', merged]).stdout;
  t.true(gunzipSync(fs.readFileSync(out)).equals(gunzipSync(whole)));
});

test('--pprof writes to standard output, or a file', async (t) => {
  const dir = folder(t);
  const file = writeProfile(dir, 1);
  const out = path.join(dir, 'out.pb.gz');
  t.is((await exported('--pprof', '-o', out, file)).code, 0);
  const { stdout, status } = spawnSync(process.execPath, [bin, 'export', '--pprof', file]);
  t.is(status, 0);
  t.true(gunzipSync(stdout).equals(gunzipSync(fs.readFileSync(out))));
});

/** A profile whose figures a person can add up: a leak of 30 MB, and a churn of 70. */
function plantedProfile(t) {
  const file = path.join(folder(t), 'planted.jsonl');
  const [block] = blocksOf(1);
  const named = (n, name, line) => ({
    ...siteOf(n),
    source: 'Buffer.alloc',
    route: undefined,
    frames: [
      { function: name, file: 'file:///app/cache.js', line, column: 7 },
      { function: 'handle', file: 'file:///app/server.js', line: 3, column: 1 },
    ],
  });
  const sites = [named(1, 'remember', 12), named(2, 'parse', 34)];
  const row = (site, event, megabytes, ms) => ({
    site: site.id,
    ...{ sizeClass: 20, event, bucket: bucketOf(ms), samples: 9 },
    ...{ count: megabytes * 1024, bytes: megabytes * 2 ** 20 },
  });
  const cells = [
    row(sites[0], events.BORN, 30, 0),
    row(sites[1], events.BORN, 70, 0),
    row(sites[1], events.DIED, 60, 2),
    row(sites[1], events.DIED, 10, 400),
  ];
  fs.writeFileSync(file, encode({ ...block, sites, cells }));
  return file;
}

testWhere(hasPprof, 'pprof (scripts/ci/get-readers.js)', "Go's own pprof reads it", async (t) => {
  const out = path.join(folder(t), 'planted.pb.gz');
  t.is((await exported('--pprof', '-o', out, plantedProfile(t))).code, 0);
  const ask = (...args) => {
    const { stdout, stderr, status } = spawnSync(pprof, [...args, out], { encoding: 'utf8' });
    t.is(status, 0, stderr);
    return stdout;
  };
  const live = ask('-top', '-lines');
  t.regex(live, /Type: inuse_space/);
  t.regex(live, /Total samples = 30MB/);
  t.regex(live, /^ +30MB +100% +100% +30MB +100% +remember \/app\/cache\.js:12(:7)?$/m);
  t.regex(live, /^ +0 +0% +100% +30MB +100% +handle \/app\/server\.js:3(:1)?$/m);
  const allocated = ask('-top', '-lines', '-sample_index=alloc_space');
  t.regex(allocated, /^ +70MB +70\.00% +70\.00% +70MB +70\.00% +parse \/app\/cache\.js:34/m);
  // Labels can be filtered by: what lived shorter than 100 ms.
  const young = ask('-top', '-sample_index=alloc_space', '-tagfocus=lifetime=:100ms');
  t.regex(young, /60MB, 60\.00% of 100MB total/);
  const tags = ask('-tags', '-sample_index=alloc_objects');
  t.regex(tags, /end: Total 100/);
  t.regex(tags, /source: Total 100/);
});

test('wrong calls have exit code 2', async (t) => {
  const file = writeProfile(folder(t), 1);
  const refuses = async (args, message) => {
    const { code, stderr } = await exported(...args);
    t.is(code, 2, stderr);
    t.regex(stderr, message);
  };
  await refuses([file], /Say for what: --pprof/);
  await refuses(['--pprof'], /Give a profile/);
});

test('what is no profile, and what cannot be written, is told in a line', async (t) => {
  const dir = folder(t);
  const file = writeProfile(dir, 1);
  const foreign = await exported('--pprof', __filename);
  t.is(foreign.code, 1);
  t.regex(foreign.stderr, /^ralloc: The profile .*export\.test\.js is not valid: .*\n$/);
  const unwritable = await exported('--pprof', '-o', path.join(dir, 'none', 'out'), file);
  t.is(unwritable.code, 1);
  t.regex(unwritable.stderr, /^ralloc: The export cannot be written to .*\n$/);
});

testWhere(fs.existsSync('/dev/full'), '/dev/full', 'a full disk is told', (t) => {
  const file = writeProfile(folder(t), 1);
  const full = fs.openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [bin, 'export', '--pprof', file], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  fs.closeSync(full);
  t.is(status, 1);
  t.regex(stderr, /^ralloc: standard output cannot be written, .*ENOSPC.*\n$/);
});
