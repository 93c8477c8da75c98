'use strict';
// tier: tools

// A program that ends by itself, as a server does after close(): nothing holds any more what its
// modules kept, and it counts as kept anyway.

const test = require('ava');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { called } = require('../../helpers/cli.js');
const { fixturePath } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { bin } = require('../../helpers/profile.js');
const { run } = require('../../helpers/serving.js');

const PROGRAM = fixturePath('tools/recorder/kept-by-modules.js');
const ROWS = fs.readFileSync(PROGRAM, 'utf8').split('\n');
const rowOf = (comment) => ROWS.findIndex((row) => row.endsWith(`// ${comment}`)) + 1;

const ask = (agent, port, url) =>
  new Promise((resolve, reject) => {
    const got = (response) => response.resume().on('end', resolve);
    http.get({ port, path: url, agent }, got).on('error', reject);
  });

/** What `ralloc report` says of the server, which collects after each 100 of 310 Buffers. */
async function reportOf(t, what) {
  const file = path.join(folder(t), 'a.jsonl');
  const command = ['profile', '--rate', '64k', '-o', file, '--', process.execPath, '--expose-gc'];
  const { code, stderr } = await run(t, bin, [...command, PROGRAM, what], async (port, child) => {
    const agent = new http.Agent({ keepAlive: true });
    for (let n = 1; n <= 310; n++) await ask(agent, port, n % 100 === 0 ? '/collect' : '/');
    agent.destroy();
    child.kill();
  });
  t.is(code, 0, stderr);
  const { stdout } = await called(['report', '--json', file]);
  const { sites, findings } = JSON.parse(stdout);
  return { line: sites.find(({ line }) => line === rowOf('made')), findings };
}

test('what its modules keep is alive, and nothing of it died with its request', async (t) => {
  const { line, findings } = await reportOf(t, 'whole');
  t.true(line.live > line.bytes / 3, `${line.live} of ${line.bytes}`);
  t.true(line.outlived > line.bytes / 2, `${line.outlived} of ${line.bytes}`);
  t.is(line.withRequest, 0);
  const kinds = findings.flatMap((one) => (one.line === rowOf('made') ? one.kind : []));
  t.false(kinds.includes('churn'), `${kinds}`);
});

test('small parts of Buffers that its modules keep retain these', async (t) => {
  const { findings } = await reportOf(t, 'part');
  const { says, now } = findings.find(({ kind }) => kind === 'pin');
  const [cut, made] = ['cut', 'made'].map((row) => `kept-by-modules\\.js:${rowOf(row)}`);
  t.regex(says, new RegExp(`${cut} .+ made at .*${made}`));
  t.notRegex(now.join(), /arena|rawBody|slab/i);
});

test('where it keeps nothing, what it made is short-lived', async (t) => {
  const { line } = await reportOf(t, 'nothing');
  t.is(line.live, 0);
  t.true(line.withRequest > line.bytes / 2, `${line.withRequest} of ${line.bytes}`);
  t.is(line.outlived, 0);
});
