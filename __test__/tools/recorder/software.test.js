'use strict';
// tier: tools

// Packages that others wrote, as people use them: what a program writes, answers and ends with is the same to the byte under `ralloc
// profile`, and the report names the line that allocates most.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const { join } = require('node:path');
const { text } = require('node:stream/consumers');
const { Profile } = require('../../../tools/recorder/profile.js');
const { testWhere } = require('../../helpers/backend.js');
const { isSoak } = require('../../helpers/budget.js');
const { fixturePath } = require('../../helpers/child.js');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { bin } = require('../../helpers/profile.js');

/** What ralloc adds to standard error, and nothing else. */
const TOLD = /^ralloc: Recorded .+ threads? in .+\n/m;

/** Runs a program by `launcher`; use(what it tells first) is called while it runs. */
async function ran(name, args, use, launcher = []) {
  const [command, ...rest] = [...launcher, process.execPath, fixturePath(name), ...args];
  // Their packages' coverage nobody counts, and it takes as long again.
  const env = { ...process.env, NODE_V8_COVERAGE: '' };
  const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const stderr = text(child.stderr);
  let [stdout, used] = ['', undefined];
  for await (const part of child.stdout.setEncoding('utf8')) {
    stdout += part;
    used ??= use?.(stdout);
  }
  stdout = stdout.replace(/"port":\d+/, '"port"');
  return {
    ended: await closed,
    stdout,
    stderr: (await stderr).replace(TOLD, ''),
    used: await used,
  };
}

/** Sends `count` photographs of 1 kB to 600 kB, four at a time; resolves with a hash of all answers, by their order. */
async function sendPhotos(port, count) {
  const answers = [];
  let next = 0;
  const sender = async () => {
    while (next < count) {
      const id = next++;
      const bytes = Buffer.alloc(1000 + ((id * 7919) % 600) * 1000, `photograph ${id}, `);
      const body = new FormData();
      body.set('album', 'summer');
      body.set('photo', new Blob([bytes], { type: 'image/jpeg' }), `${id}.jpg`);
      const response = await fetch(`http://127.0.0.1:${port}/photos`, { method: 'POST', body });
      answers[id] = `${response.status} ${await response.text()}`;
    }
  };
  await Promise.all(Array.from({ length: 4 }, sender));
  return createHash('sha256').update(answers.join('\n')).digest('hex');
}

/** What has a line of the application, or of a dependency: the costliest first. */
const withLine = (sites) => sites.filter(({ file }) => file !== null);
const nameOf = ({ file, function: name }) => `${file.replaceAll('\\', '/')} ${name}`;

const FOLDER = join('tools', 'recorder', 'software');

/** The line of a program that has a text. */
const lineOf = (name, text) =>
  1 +
  fs
    .readFileSync(fixturePath(join(FOLDER, name)), 'utf8')
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
  // What the others show, the first shows too.
  const isShort = name === 'uploads.js';
  testWhere(
    isShort || isSoak,
    'RALLOC_BUDGET=soak',
    `${title} does the same with the profiler`,
    async (t) => {
      const file = join(folder(t), 'a.jsonl');
      const program = [join(FOLDER, name), args, use];
      const plain = await ran(...program);
      const profile = [process.execPath, bin, 'profile', '-o', file, ...SAMPLED, '--'];
      t.deepEqual([plain.ended, plain.stderr], [[0, null], '']);
      t.deepEqual(await ran(...program, profile), plain);
      const { recorders, skipped } = Profile.read(file);
      t.is(recorders.length, threads);
      t.is(skipped, 0);
      const { code, stdout, stderr } = await called(['report', file, '--json']);
      t.is(code, 0, stderr);
      check(t, JSON.parse(stdout).sites);
    },
  );
}
