'use strict';
// tier: tools

// The service of apply-service.test.js answers the same, byte for byte, as it is, on trial, and changed by `ralloc apply`, and uses its arenas on trial as it
// does when it is changed.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { patch } = require('../../../bench/fixtures/rows/prepare.js');
const { fixturePath, run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { linkPackage } = require('../../helpers/link-package.js');
const { PROVED, plan } = require('../../helpers/planned.js');
const { ralloc } = require('../../helpers/profile.js');
const { told } = require('../../helpers/tried.js');

const REQUESTS = '400';
const root = path.join(__dirname, '..', '..', '..');

test('a service answers the same on trial, and uses its arenas', async (t) => {
  const dir = path.join(fs.realpathSync(folder(t)), 'service');
  fs.cpSync(fixturePath('tools/placement/applied'), dir, { recursive: true });
  const file = 'lib/rows.js';
  const site = { file, call: 'Buffer.allocUnsafe(', name: 'parseRows', ...PROVED };
  plan(dir, { [file]: fs.readFileSync(path.join(dir, file), 'utf8') }, [site]);
  for (const [name, to] of [
    ['ralloc', root],
    ['express', fs.realpathSync(path.join(root, 'node_modules', 'express'))],
  ]) {
    linkPackage(dir, name, to);
  }
  const main = { path: path.join(dir, 'main.js'), args: [REQUESTS], cwd: dir };
  const plain = await run('', main);
  const trial = await ralloc(['trial', '--', process.execPath, 'main.js', REQUESTS], { cwd: dir });
  t.is(trial.code, 0, trial.stderr);
  patch(dir, (await ralloc(['apply'], { cwd: dir })).stdout);
  const applied = await run('', main);
  t.is(trial.result.digest, plain.result.digest);
  t.is(applied.result.digest, plain.result.digest);
  t.is(plain.result.arenaBytes, 0);
  t.true(trial.result.arenaBytes > 0);
  t.true(applied.result.arenaBytes > 0);
  t.deepEqual(told(trial.stderr), [
    '1 of 1 site was active: 400 Buffers (37.5 MiB) from arenas of requests, 0 outside of requests',
  ]);
});
