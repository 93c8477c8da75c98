'use strict';
// tier: tools

// `ralloc merge`: what it writes, and what it tells of its files.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { gunzipSync } = require('node:zlib');
const { encode } = require('../../../tools/recorder/lines.js');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, writeProfile } = require('../../helpers/profiles.js');
const { Profile } = require('../../helpers/sums.js');

const merge = (...args) => called(['merge', ...args]);

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
