'use strict';
// tier: tools

// `ralloc merge`: what it writes, what it tells, and what it refuses.

const test = require('ava');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { bucketOf } = require('../../../tools/recorder/buckets.js');
const { events } = require('../../../tools/recorder/events.js');
const { encode } = require('../../../tools/recorder/lines.js');
const { testWhere } = require('../../helpers/backend.js');
const { run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, siteOf, writeProfile } = require('../../helpers/profiles.js');
const { hasPprof, pprof } = require('../../helpers/readers.js');
const { Profile, rowsOf } = require('../../helpers/sums.js');

const bin = path.join(__dirname, '..', '..', '..', 'bin', 'ralloc.js');
const merge = (...args) => run('', { path: bin, args: ['merge', ...args] });

/** A folder with profiles of these seeds. */
function profiles(t, ...seeds) {
  const dir = folder(t);
  return { dir, out: path.join(dir, 'out.jsonl'), files: seeds.map((s) => writeProfile(dir, s)) };
}

test('it sums up profiles, and tells how many', async (t) => {
  const { out, files } = profiles(t, 1, 2, 3);
  const { code, stdout, stderr } = await merge('-o', out, ...files);
  t.is(code, 0);
  t.is(stdout, '');
  t.regex(stderr, /^ralloc: .*out\.jsonl: 3 profiles, 3 recorders, \d+ sites\n$/);
  const sum = new Profile();
  for (const seed of [1, 2, 3]) for (const block of blocksOf(seed)) sum.add(block);
  t.true(fs.readFileSync(out).equals(sum.toBuffer()));
});

test('merges of merges are the merge, in any order', async (t) => {
  const { dir, out, files } = profiles(t, 1, 2, 3);
  const [part, all] = ['part', 'all'].map((name) => path.join(dir, name));
  await merge('-o', out, ...files);
  await merge('--output', part, files[2], files[0]);
  await merge('-o', all, part, files[1]);
  t.true(fs.readFileSync(all).equals(fs.readFileSync(out)));
});

test('its result can take the place of one of the files', async (t) => {
  const { out, files } = profiles(t, 1, 2);
  await merge('-o', out, ...files);
  t.is((await merge('-o', files[0], ...files)).code, 0);
  t.true(fs.readFileSync(files[0]).equals(fs.readFileSync(out)));
});

test('the end that a killed process left is skipped, and told', async (t) => {
  const { out, files } = profiles(t, 1, 2);
  fs.truncateSync(files[1], fs.statSync(files[1]).size - 1);
  const { code, stderr } = await merge('-o', out, ...files);
  t.is(code, 0);
  t.regex(stderr, /2\.jsonl: .* skipped that are of no whole line/);
});

test('blocks that are missing, and blocks of nonsense, are told', async (t) => {
  const { dir, out, files } = profiles(t, 1);
  const blocks = blocksOf(2).map((block, index) => encode({ ...block, number: index + 1 }));
  const file = path.join(dir, 'gap.jsonl');
  const nonsense = Buffer.from('\n{"type":"block","format":1,"id":5,"cells":{}}');
  fs.writeFileSync(file, Buffer.concat([blocks[0], nonsense, blocks[2]]));
  const { code, stderr } = await merge('-o', out, files[0], file);
  t.is(code, 0);
  t.regex(stderr, /gap\.jsonl: 1 line left out that makes no sense/);
  t.regex(stderr, /^ralloc: 1 block of recorders is missing in the midst of the files/m);
});

test('several profiles are summed for pprof', async (t) => {
  const { dir, out, files } = profiles(t, 1, 2);
  const [whole, each] = ['whole', 'each'].map((name) => path.join(dir, name));
  await merge('-o', out, ...files);
  t.is((await merge('--pprof', '-o', whole, out)).code, 0);
  const { code, stdout } = await merge('--pprof', '-o', each, ...files);
  t.is(code, 0);
  t.is(stdout, '');
  t.true(gunzipSync(fs.readFileSync(whole)).equals(gunzipSync(fs.readFileSync(each))));
  const { stderr } = await merge('--pprof', '-o', path.join(dir, 'none', 'out'), files[0]);
  t.regex(stderr, /^ralloc: The export cannot be written to .*\n$/);
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
  fs.writeFileSync(file, encode({ ...block, sites, cells: rowsOf(cells) }));
  return file;
}

testWhere(hasPprof, 'pprof (scripts/ci/get-readers.js)', "Go's own pprof reads it", async (t) => {
  const out = path.join(folder(t), 'planted.pb.gz');
  t.is((await merge('--pprof', '-o', out, plantedProfile(t))).code, 0);
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

test('its help names files as the others do', async (t) => {
  const { stdout } = await merge('--help');
  t.regex(stdout, /merge -o fleet\.jsonl profiles\/\*\.jsonl/);
});

test('recorders that are in two files are told', async (t) => {
  const { dir, out, files } = profiles(t, 1);
  const copy = path.join(dir, 'copy.jsonl');
  fs.copyFileSync(files[0], copy);
  const { code, stderr } = await merge('-o', out, files[0], copy);
  t.is(code, 0);
  t.regex(stderr, /copy\.jsonl has recorders that another file has too/);
});

test('a file that is given twice counts once', async (t) => {
  const { dir, out, files } = profiles(t, 1);
  const again = `${dir}${path.sep}.${path.sep}1.jsonl`;
  const { code, stderr } = await merge('-o', out, files[0], again);
  t.is(code, 0);
  t.regex(stderr, /^ralloc: .*out\.jsonl: 1 profile, 1 recorder, \d+ sites?\n$/);
});

test('wrong calls have exit code 2', async (t) => {
  const { out, files } = profiles(t, 1);
  const refuses = async (args, message) => {
    const { code, stderr } = await merge(...args);
    t.is(code, 2, stderr);
    t.regex(stderr, message);
  };
  await refuses(files, /Say where to write: -o FILE/);
  await refuses(['-o', out], /Give the profiles to merge/);
  await refuses(['-o', out, '--wrong', files[0]], /Unknown option '--wrong'/);
  t.false(fs.existsSync(out));
});

test('of files that are no profiles nothing is written', async (t) => {
  const { dir, out, files } = profiles(t, 1);
  const fails = async (name, content, message) => {
    const file = path.join(dir, name);
    if (content !== undefined) fs.writeFileSync(file, content);
    const { code, stderr } = await merge('-o', out, files[0], file);
    t.is(code, 1);
    t.true(stderr.startsWith('ralloc: The profile '), stderr);
    t.true(stderr.includes(file));
    t.regex(stderr, message);
    t.is(stderr.trim().split('\n').length, 1);
    t.false(fs.existsSync(out));
  };
  await fails('missing', undefined, /There is no such file/);
  await fails('empty', '', /is empty/);
  await fails('foreign', '{}', /no line of ralloc/);
  await fails('cut-off', fs.readFileSync(files[0]).subarray(0, 20), /cut off or damaged/);
  await fails('newer', '\n{"type":"block","format":2}', /has format 2; .* up to 1\. Update ralloc/);
  await fails('binary', Buffer.from([0xf7, 0x72, 0x70, 0x0a, 0]), /binary format of an earlier/);
  const { code, stderr } = await merge('-o', path.join(dir, 'none', 'out'), files[0]);
  t.is(code, 1);
  t.regex(stderr, /cannot be written to .*ENOENT/);
});

testWhere(fs.existsSync('/dev/full'), '/dev/full', 'a full disk is told', async (t) => {
  const { files } = profiles(t, 1);
  const { code, stderr } = await merge('-o', '/dev/full', ...files);
  t.is(code, 1);
  t.is(
    stderr,
    'ralloc: The profile cannot be written to /dev/full: the disk is full. Free some space, or give a file on another disk\n',
  );
});
