'use strict';
// tier: tools

// The programs that bench/profile-overhead.js and bench/profile-merge.js measure do their work.

const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { profiler } = require('../..');
const { kinds } = require('../../bench/profile-overhead.js');
const { Profile } = require('../../tools/recorder/profile.js');
const { folder } = require('../helpers/folder.js');
const { patient } = require('../helpers/patient.js');

for (const [name, create] of Object.entries(kinds.ingest)) {
  test.serial(`ingest, ${name}: all answers are as long as the first`, async (t) => {
    const server = create();
    t.teardown(() => profiler.stop());
    patient(server).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${server.address().port}/`;
    for (let i = 0; i < 5; i++) {
      const response = await fetch(url, { method: 'POST', body: Buffer.alloc(64 * 1024, i) });
      t.is(response.headers.get('content-length'), '64');
      t.regex(await response.text(), /^{"length":\d{5,},"sum":-?\d+} *$/);
    }
    server.closeAllConnections();
    server.close();
  });
}

test('the profiles that are merged have 10,000 sites', (t) => {
  const dir = folder(t);
  const program = path.join(__dirname, '..', '..', 'bench', 'fixtures', 'profile-merge.js');
  const run = (...args) => execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' });
  run('make', dir, '2', '2');
  const files = fs.readdirSync(dir);
  t.is(files.length, 2);
  for (const file of files) t.is(Profile.read(path.join(dir, file)).sites.length, 10_000);
  for (const how of ['read', 'merge', 'alone']) t.true(Number(run(how, dir)) > 0);
});
