'use strict';
// tier: tools

// A measurement as short as it can be, with its processes: the client, and a server for each contender.

const path = require('node:path');
const test = require('ava');
const { contenders } = require('../../demo/contenders.js');
const { Session } = require('../../demo/session.js');

const ROOT = path.join(__dirname, '..', '..');
const plan = {
  ...{ blocks: 2, warm: 40, empty: 0, passes: 1, slice: 0.05, gap: 0.01 },
  ...{ fixedPasses: 1, fixedSlice: 0.05 },
};

test('the servers reach the upstream of the client, and pass on what it compares', async (t) => {
  const copies = ['docs/explain/architecture.md', 'package-lock.json'].map((one) =>
    path.join(ROOT, one),
  );
  const lead = { path: process.execPath, version: process.version };
  const common = { env: {}, processors: null, copies, port: 0 };
  const session = new Session({ common, lead, own: null, progress: { step() {} } });
  const group = { mix: 'proxy', server: 'express', plan, steady: 0 };
  const [{ rows }] = await session.run([group], contenders(process.execPath).able);
  t.deepEqual(
    rows.map(({ run }) => run.allocator),
    contenders(process.execPath).able.map(({ name }) => name),
  );
  for (const { run, firstFault } of rows) {
    t.is(firstFault, null);
    t.is(run.errors, 0);
    t.true(run.requests >= 80 && run.verified > 0);
  }
});
