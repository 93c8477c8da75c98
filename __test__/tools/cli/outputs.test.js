'use strict';
// tier: tools

// Files that are there already: what somebody else wrote is left as it is, whatever was forgotten behind -o. And messages that nobody reads.

const test = require('ava');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { testWhere } = require('../../helpers/backend.js');
const { run } = require('../../helpers/child.js');
const { folder } = require('../../helpers/folder.js');
const { linksFiles } = require('../../helpers/needs.js');
const { writeProfile } = require('../../helpers/profiles.js');

const bin = path.join(__dirname, '../../../bin/ralloc.js');
const ralloc = (...args) => run('', { path: bin, args });

const WRITING = {
  merge: ['merge'],
  'report, as a page': ['report'],
  'report, as JSON': ['report', '--json'],
  'merge, for pprof': ['merge', '--pprof'],
};

for (const [name, verb] of Object.entries(WRITING)) {
  test(`${name}: a file with anything else in it is left as it is, and its own is replaced`, async (t) => {
    const dir = folder(t);
    const profile = writeProfile(dir, 1);
    const foreign = path.join(dir, 'package.json');
    fs.writeFileSync(foreign, '{\n  "name": "app"\n}\n');
    const others = name === 'merge' ? [foreign] : [foreign, profile];
    for (const output of others) {
      const before = fs.readFileSync(output);
      const link = `${output}.link`;
      (linksFiles() ? fs.symlinkSync : fs.linkSync)(output, link);
      const { code, stderr } = await ralloc(...verb, '-o', link, profile);
      t.is(code, 1, stderr);
      t.regex(
        stderr,
        /^ralloc: The file .*\.link exists and is no [^\n]*, so it is left as it is\. .*\n$/,
      );
      t.deepEqual(fs.readFileSync(output), before);
    }
    const own = path.join(dir, 'own');
    fs.writeFileSync(own, '');
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await ralloc(...verb, '-o', own, profile);
      t.is(code, 0, stderr);
    }
    t.true(fs.statSync(own).size > 0);
  });
}

testWhere(
  fs.existsSync('/dev/full'),
  '/dev/full',
  'the exit code is the application’s, whoever reads the messages',
  (t) => {
    const dir = folder(t);
    const full = fs.openSync('/dev/full', 'w');
    for (const status of [0, 7]) {
      const file = path.join(dir, `${status}.jsonl`);
      const given = ['profile', '-o', file, '--', 'node', '-e', `process.exit(${status})`];
      const ended = spawnSync(process.execPath, [bin, ...given], {
        stdio: ['ignore', 'ignore', full],
      });
      t.is(ended.status, status);
    }
    fs.closeSync(full);
  },
);

testWhere(
  fs.existsSync('/dev/full'),
  '/dev/full',
  'a device is written to, and not read',
  async (t) => {
    const { code, stderr } = await ralloc('profile', '-o', '/dev/full', '--', 'false');
    t.is(code, 1, stderr);
    t.regex(stderr, /ralloc: \/dev\/full is no regular file: what was recorded is not kept\n$/);
    const report = await ralloc('report', '/dev/full');
    t.is(report.code, 1);
    t.regex(report.stderr, /no line of ralloc's profiler is in it/);
  },
);

test('names in a profile cannot write over a terminal, nor look like another line', async (t) => {
  const dir = folder(t);
  const program = path.join(dir, 'app.js');
  const name = JSON.stringify('\x1b[2J\x1b]0;title\x07evil\nfake line\u202e');
  fs.writeFileSync(
    program,
    `const kept = [];\nconst all = { [${name}]() { kept.push(Buffer.alloc(1e6)); } };\nfor (let i = 0; i < 50; i++) Object.values(all)[0]();\n`,
  );
  const file = path.join(dir, 'a.jsonl');
  t.is((await ralloc('profile', '-o', file, '--', process.execPath, program)).code, 0);
  const { code, stdout } = await ralloc('report', file);
  t.is(code, 0);
  t.true(stdout.includes('\\u{1b}[2J\\u{1b}]0;title\\u{7}evil fake line\\u{202e}()'), stdout);
  t.notRegex(stdout, /(?!\n)[\p{Cc}\u202e]/u);
});
