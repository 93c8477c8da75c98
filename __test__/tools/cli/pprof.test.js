'use strict';
// tier: tools

const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { gunzipSync } = require('node:zlib');
const { transformSync } = require('esbuild');
const pprofFormat = require('pprof-format');
const { bucketOf, sizeClassOf } = require('../../../tools/recorder/buckets.js');
const { events } = require('../../../tools/recorder/events.js');
const { pprofOf } = require('../../../tools/cli/pprof.js');
const { pathOf } = require('../../../lib/debug/stack/sources.js');
const { testWhere } = require('../../helpers/backend.js');
const { isSoak } = require('../../helpers/budget.js');
const { folder } = require('../../helpers/folder.js');
const { blocksOf, siteOf } = require('../../helpers/profiles.js');
const { hasPprof, pprof } = require('../../helpers/readers.js');
const { Profile, rowsOf } = require('../../helpers/sums.js');

const KiB = 1024;

/** A block of one site: rows of [event, bytes, ms, size of each]. */
function blockOf(site, rows) {
  const [block] = blocksOf(1);
  const cells = rows.map(([event, bytes, ms = 0, size = KiB]) => ({
    site: site.id,
    ...{ sizeClass: sizeClassOf(size), event, bucket: bucketOf(ms) },
    ...{ samples: 1, count: (bytes / size) * 1024, bytes },
  }));
  return { ...block, sites: [site], cells: rowsOf(cells) };
}

const profileOf = (site, rows) => new Profile().add(blockOf(site, rows));

/** What is in the file, with texts in the place of numbers. */
function read(profile) {
  const file = pprofFormat.Profile.decode(gunzipSync(pprofOf(profile)));
  const text = (number) => file.stringTable.strings[Number(number)];
  const functions = new Map(file.function.map((one) => [one.id, one]));
  const locations = new Map(file.location.map((one) => [one.id, one]));
  const frameOf = (id) => {
    const [{ functionId, line, column }] = locations.get(id).line;
    const { name, filename } = functions.get(functionId);
    return `${text(name)} ${text(filename)}:${line}:${column}`;
  };
  const labelOf = ({ key, str, num, numUnit }) => [
    text(key),
    str ? text(str) : `${num} ${text(numUnit)}`,
  ];
  const samples = file.sample.map(({ locationId, value, label }) => ({
    frames: locationId.map(frameOf),
    values: value.map(Number),
    ...Object.fromEntries(label.map(labelOf)),
  }));
  return { file, text, samples };
}

test('samples add up to what was allocated, and those that are alive to what is in use', (t) => {
  const site = siteOf(4); // four frames, no route
  const profile = profileOf(site, [
    [events.BORN, 100 * KiB],
    [events.BORN, 64 * KiB, 0, 64 * KiB],
    [events.DIED, 50 * KiB, 3],
    [events.DIED_OLD, 20 * KiB, 1000],
    [events.TRANSFERRED, 10 * KiB],
    [events.PEAK, 90 * KiB],
    [events.WITH_REQUEST, 30 * KiB],
    [events.ALIVE, 20 * KiB, 5000],
  ]);
  const source = pathOf('file:///app/lib/4.js'); // without a drive, Windows knows no such path
  const frames = site.frames.map((frame) => `${frame.function} ${source}:5:${frame.column}`);
  const common = { frames, source: site.source, size: '1024 bytes' };
  const { file, text, samples } = read(profile);
  const types = file.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`);
  t.deepEqual(types, [
    'alloc_objects/count',
    'alloc_space/bytes',
    'inuse_objects/count',
    'inuse_space/bytes',
  ]);
  t.is(text(file.defaultSampleType), 'inuse_space');
  const byEnd = (a, b) => (a.end + a.size < b.end + b.size ? -1 : 1);
  t.deepEqual(samples.sort(byEnd), [
    { ...common, end: 'alive', values: [20, 20 * KiB, 20, 20 * KiB] },
    { ...common, end: 'alive', size: '65536 bytes', values: [1, 64 * KiB, 1, 64 * KiB] },
    { ...common, end: 'heard', lifetime: '2828 microseconds', values: [50, 50 * KiB, 0, 0] },
    { ...common, end: 'old', lifetime: '724077 microseconds', values: [20, 20 * KiB, 0, 0] },
    { ...common, end: 'transferred', values: [10, 10 * KiB, 0, 0] },
  ]);
});

test('what has no frames is told by its stream and route', (t) => {
  const http = { ...siteOf(0), source: 'http', route: 'POST /upload', frames: [] };
  const [sample] = read(profileOf(http, [[events.BORN, KiB]])).samples;
  t.deepEqual(sample.frames, ['(http POST /upload) :0:0']);
  t.is(sample.route, 'POST /upload');
  const net = { ...http, source: 'net', route: undefined };
  t.deepEqual(read(profileOf(net, [[events.BORN, KiB]])).samples[0].frames, ['(net) :0:0']);
});

test('deaths without births, of a damaged file, are no negative memory', (t) => {
  const { samples } = read(profileOf(siteOf(1), [[events.DIED, KiB, 1]]));
  t.deepEqual(
    samples.map(({ end, values }) => [end, ...values]),
    [['heard', 1, KiB, 0, 0]],
  );
});

test('it says when, how often, and of which processes', (t) => {
  const profile = profileOf(siteOf(1), [[events.BORN, KiB]]);
  const { file, text } = read(profile);
  const [{ slot, until, rate }] = profile.recorders;
  t.is(Number(file.timeNanos) / 1e6, slot);
  t.is(Number(file.durationNanos) / 1e6, until - slot);
  t.is(Number(file.period), rate);
  t.deepEqual(file.comment.map(text), [
    'server 1, process 1001, thread 1, Node v24.1.0 on linux-x64',
  ]);
});

test('frames are as their author wrote them, by source maps', (t) => {
  const dir = folder(t);
  const source =
    'interface Row {\n  bytes: Buffer;\n}\n\nexport const kept: Row[] = [];\nkept.push({ bytes: Buffer.alloc(9) });\n';
  const { code } = transformSync(source, {
    ...{ loader: 'ts', sourcefile: 'mapped.ts', sourcemap: 'inline' },
  });
  const file = path.join(dir, 'mapped.js');
  fs.writeFileSync(file, code);
  const line = code.split('\n').findIndex((one) => one.includes('Buffer.alloc')) + 1;
  const frame = { function: 'keep', file: pathToFileURL(file).href, line, column: 1 };
  const site = { ...siteOf(1), frames: [frame] };
  const [{ frames }] = read(profileOf(site, [[events.BORN, KiB]])).samples;
  t.deepEqual(frames, [`keep ${path.join(dir, 'mapped.ts')}:6:1`]);
});

test('an empty profile is one for pprof too', (t) => {
  t.deepEqual(read(new Profile()).samples, []);
});

const needs = 'RALLOC_BUDGET=soak, and pprof (scripts/ci/get-readers.js)';
testWhere(
  isSoak && hasPprof,
  needs,
  "Go's own pprof reads a leak of 30 MB and a churn of 70",
  (t) => {
    const MiB = 2 ** 20;
    const named = (n, name, line) => ({
      ...siteOf(n),
      source: 'Buffer.alloc',
      route: undefined,
      frames: [
        { function: name, file: 'file:///app/cache.js', line, column: 7 },
        { function: 'handle', file: 'file:///app/server.js', line: 3, column: 1 },
      ],
    });
    const churn = [
      [events.BORN, 70 * MiB, 0, MiB],
      [events.DIED, 60 * MiB, 2, MiB],
      [events.DIED, 10 * MiB, 400, MiB],
    ];
    const profile = profileOf(named(1, 'remember', 12), [[events.BORN, 30 * MiB, 0, MiB]]);
    const out = path.join(folder(t), 'planted.pb.gz');
    fs.writeFileSync(out, pprofOf(profile.add(blockOf(named(2, 'parse', 34), churn))));
    const ask = (...args) => execFileSync(pprof, [...args, out], { encoding: 'utf8' });
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
  },
);
