'use strict';
// tier: tools

// The examples of noLeaks() run as an application's tests do: by ava, and by node:test.

const path = require('node:path');
const test = require('ava');
const { run } = require('../helpers/child.js');

const root = path.join(__dirname, '..', '..');
const cli = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');

test('with ava', async (t) => {
  const args = ['--tap', 'examples/tested/with-ava.js'];
  const { code, stdout, stderr } = await run('', { path: cli, args, cwd: root });
  t.is(code, 0, stdout + stderr);
  t.regex(stdout, /^# pass 2$/m);
});

test('with node:test', async (t) => {
  const file = path.join(root, 'examples', 'tested', 'with-node-test.js');
  const execArgv = ['--test', '--test-reporter=tap'];
  const { code, stdout, stderr } = await run('', { path: file, execArgv, cwd: root });
  t.is(code, 0, stdout + stderr);
  t.regex(stdout, /^# pass 2$/m);
});
