'use strict';
// tier: tools

// Packages that others wrote, as people use them: what a program writes, answers and ends with is the same to the byte under `ralloc
// profile`, and the report names the line that allocates most.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { Profile } = require('../../../tools/recorder/profile.js');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { ralloc } = require('../../helpers/profile.js');
const { runSoftware, sendPhotos } = require('../../helpers/software.js');

const withoutPort = ({ stdout, ...ended }) => ({
  ...ended,
  stdout: stdout.replace(/"port":\d+/, '"port"'),
});

/** What has a line of the application, or of a dependency: the costliest first. */
const withLine = (sites) => sites.filter(({ file }) => file !== null);
const nameOf = ({ file, function: name }) => `${file.replaceAll('\\', '/')} ${name}`;

/** The line of a program that has a text. */
const lineOf = (name, text) =>
  1 +
  fs
    .readFileSync(fixturePath(`tools/recorder/software/${name}`), 'utf8')
    .split('\n')
    .findIndex((line) => line.includes(text));

const PHOTOS = 60;
const SAMPLED = ['--rate', '64k']; // enough samples to tell which line is first, however slow the machine is

for (const { title, name, args = [], use, threads = 1, check } of [
  {
    title: 'an upload service of Express and multer',
    name: 'uploads.js',
    args: [String(PHOTOS)],
    use: (stdout) => sendPhotos(JSON.parse(stdout.split('\n')[0]).port, PHOTOS),
    check(t, sites) {
      const [first] = withLine(sites);
      t.regex(nameOf(first), /node_modules\/multer\/storage\/memory\.js /);
      t.true(first.pinned > first.bytes * 0.9, 'a slice of each photograph is kept');
      t.true(first.live < first.bytes * 0.1, 'and no more of it');
    },
  },
  {
    title: 'a converter of images by pngjs',
    name: 'png.js',
    args: ['8'],
    check: (t, [first]) => t.regex(nameOf(first), /png\.js convertAtOnce$/),
  },
  {
    title: 'an echo of WebSocket messages by ws, in two processes',
    name: 'echo.js',
    args: ['0.5'],
    threads: 2,
    check(t, sites) {
      t.regex(nameOf(withLine(sites)[0]), /node_modules\/ws\/lib\/receiver\.js /);
      t.true(sites.some(({ source }) => source === 'net'));
    },
  },
  {
    title: 'a packer of documents by msgpackr',
    name: 'documents.js',
    args: ['10000'],
    check(t, [first]) {
      t.deepEqual(
        [first.source, first.line],
        ['Buffer.allocUnsafeSlow', lineOf('documents.js', 'packr.pack(')],
      );
      t.true(first.live > 0, 'slices are kept');
    },
  },
  {
    title: 'a broker of MQTT by mqtt-packet',
    name: 'mqtt.js',
    args: ['20000'],
    check: (t, [first]) =>
      t.deepEqual(
        [first.source, first.line],
        ['Buffer.allocUnsafe', lineOf('mqtt.js', 'packet = generate(')],
      ),
  },
  {
    title: 'a build by esbuild',
    name: 'build.js',
    check: (t, sites) => t.true(sites.some(({ source }) => source === 'pipe')),
  },
]) {
  test(`${title} does the same with the profiler`, async (t) => {
    const file = join(folder(t), 'a.jsonl');
    const plain = await runSoftware(name, args, { use });
    const profiled = await runSoftware(name, args, { use, profile: file, options: SAMPLED });
    t.deepEqual([plain.code, plain.stderr], [0, '']);
    t.deepEqual(withoutPort(profiled), withoutPort(plain));
    const { recorders, skipped } = Profile.read(file);
    t.is(recorders.length, threads);
    t.is(skipped, 0);
    const { code, stdout, stderr } = await ralloc(['report', file, '--json']);
    t.is(code, 0, stderr);
    check(t, JSON.parse(stdout).sites);
  });
}
