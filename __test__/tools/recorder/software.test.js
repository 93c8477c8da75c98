'use strict';
// tier: tools

// Packages that others wrote, as people use them: what a program writes, answers and ends with is the same to the byte under `ralloc
// profile`, and the report names the line that allocates most.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
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

const PHOTOS = 60;
const SAMPLED = ['--rate', '64k']; // enough samples to tell which line is first, however slow the machine is

for (const [title, name, count, line, { use, kept, isLong = true }] of [
  [
    'an upload service of Express and multer',
    'uploads.js',
    PHOTOS,
    /node_modules\/multer\/storage\/memory\.js:\d+$/,
    {
      use: (stdout) => sendPhotos(JSON.parse(stdout.split('\n')[0]).port, PHOTOS),
      kept: ({ bytes, pinned, live }) => pinned > bytes * 0.9 && live < bytes * 0.1,
      isLong: false, // what the others show, it shows too
    },
  ],
  [
    'a packer of documents by msgpackr',
    'documents.js',
    10_000,
    /documents\.js:35$/,
    { kept: ({ live }) => live > 0 },
  ],
  ['a broker of MQTT by mqtt-packet', 'mqtt.js', 20_000, /mqtt\.js:24$/, {}],
]) {
  const longTest = (...args) => testWhere(!isLong || isSoak, 'RALLOC_BUDGET=soak', ...args);
  longTest(`${title} does the same with the profiler`, async (t) => {
    const file = join(folder(t), 'a.jsonl');
    const program = [join('tools', 'recorder', 'software', name), [String(count)], use];
    const plain = await ran(...program);
    const profile = [process.execPath, bin, 'profile', '-o', file, ...SAMPLED, '--'];
    t.deepEqual([plain.ended, plain.stderr], [[0, null], '']);
    t.deepEqual(await ran(...program, profile), plain);
    const { recorders, skipped } = Profile.read(file);
    t.deepEqual([recorders.length, skipped], [1, 0]);
    const { code, stdout, stderr } = await called(['report', file, '--json']);
    t.is(code, 0, stderr);
    const first = JSON.parse(stdout).sites.find((site) => site.file !== null); // the costliest
    t.regex(`${first.file.replaceAll('\\', '/')}:${first.line}`, line);
    t.true(kept?.(first) ?? true, 'slices of it are kept');
  });
}
