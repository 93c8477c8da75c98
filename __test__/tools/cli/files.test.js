'use strict';
// tier: tools

// The files of the verbs: input that is no profile is told in a line, and output replaces nothing that somebody else wrote. And messages that nobody reads.

const test = require('ava');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { gzipSync } = require('node:zlib');
const { application } = require('../../helpers/planned.js');
const { testWhere } = require('../../helpers/backend.js');
const { profileOf, sourceFile } = require('../../helpers/baked.js');
const { called, calledIn } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { linksFiles } = require('../../helpers/needs.js');
const { bin, ralloc } = require('../../helpers/profile.js');
const { writeProfile } = require('../../helpers/profiles.js');
const { serviceFile } = require('../../helpers/service.js');

const fullTest = (title, body) => testWhere(fs.existsSync('/dev/full'), '/dev/full', title, body);

const READING = { merge: ['merge', '-o', 'out'], report: ['report'], bake: ['bake'] };

const WRONG = {
  'is not there': [undefined, /there is no such file\. "ralloc profile -o FILE/],
  'is empty': ['', /is empty: .+ Record again/],
  'is something else': ['{"a": 1}\n'.repeat(99), /is not valid: no line of ralloc/],
  'is cut off in its first block': [
    serviceFile({ seconds: 2 }).subarray(0, 90),
    /has no whole line: .*cut off or damaged/,
  ],
  'is of a newer ralloc': [
    '\n{"type":"block","format":9}',
    /has format 9; .+ up to 1\. Update ralloc/,
  ],
  'is of the binary format': [
    Buffer.from([0xf7, 0x72, 0x70, 0x0a, 1, 0]),
    /is of the binary format of an earlier ralloc/,
  ],
};

for (const [verb, args] of Object.entries(READING)) {
  for (const [what, [bytes, message]] of Object.entries(WRONG)) {
    test(`${verb}: a profile that ${what} is one line that says what to do, and nothing is written`, async (t) => {
      const dir = folder(t);
      const file = path.join(dir, 'app.jsonl');
      if (bytes !== undefined) fs.writeFileSync(file, bytes);
      const before = fs.readdirSync(dir);
      const { code, stdout, stderr } = await calledIn(dir, [...args, 'app.jsonl']);
      t.is(code, 1);
      t.is(stdout, '');
      t.true(stderr.startsWith('ralloc: The profile app.jsonl'), stderr);
      t.regex(stderr, message);
      t.is(stderr.trimEnd().split('\n').length, 1, stderr);
      t.deepEqual(fs.readdirSync(dir), before);
    });
  }
}

/** Verb → its arguments before the file that it reads, and those after it. */
const ALL = {
  ...Object.fromEntries(Object.entries(READING).map(([verb, args]) => [verb, [args, []]])),
  holders: [['holders'], []],
  'holders, its profile': [['holders', 'of.heapsnapshot'], []],
  apply: [['apply', '-t'], []],
  compare: [
    ['compare', '-t'],
    ['--', process.execPath, '-e', '1'],
  ],
};

for (const [verb, [before, after]] of Object.entries(ALL)) {
  test(`${verb}: what is no file of its kind is told in a line, in words`, async (t) => {
    const dir = folder(t);
    fs.mkdirSync(path.join(dir, 'folder'));
    for (const [name, text] of Object.entries({ empty: '', 'no-json': 'x{\n', json: '{}\n' }))
      fs.writeFileSync(path.join(dir, name), text);
    for (const name of ['none', 'folder', 'no-json/none', 'empty', 'no-json', 'json']) {
      const { code, stdout, stderr } = await calledIn(dir, [...before, name, ...after]);
      t.is(code, 1, stderr);
      t.is(stdout, '');
      t.regex(stderr, new RegExp(`^ralloc: [^\n]*${name}[^\n]+\n$`));
      t.notRegex(stderr, /\bE[A-Z]{3,}\b/);
    }
  });
}

/** Folders with what a verb reads, and its arguments. */
const ofProfile =
  (...verb) =>
  (t) => ({
    dir: folder(t),
    args: (dir) => [...verb, writeProfile(dir, 1)],
  });
const WRITING = {
  merge: ofProfile('merge'),
  'merge, for pprof': ofProfile('merge', '--pprof'),
  'report, as a page': ofProfile('report'),
  'report, as JSON': ofProfile('report', '--json'),
  bake(t) {
    const dir = folder(t);
    const at = sourceFile(dir, 'const make = (n) => Buffer.alloc(n);\n')('Buffer.alloc');
    profileOf([{ at }]).write(path.join(dir, 'a.jsonl'));
    return { dir, args: () => ['bake', 'a.jsonl'] };
  },
  apply: (t) => ({ dir: application(t).dir, args: () => ['apply'] }),
};

for (const [name, make] of Object.entries(WRITING)) {
  test(`${name}: a file with anything else in it is left as it is, and its own is replaced`, async (t) => {
    const { dir, args } = make(t);
    const write = (output) => calledIn(dir, [...args(dir), '-o', output]);
    const foreign = path.join(dir, 'package.json');
    fs.writeFileSync(foreign, '{\n  "name": "app"\n}\n');
    const profile = writeProfile(dir, 1);
    const zipped = `${profile}.gz`;
    fs.writeFileSync(zipped, gzipSync(fs.readFileSync(profile)));
    const others = name === 'merge' ? [foreign] : [foreign, profile, zipped];
    for (const output of others) {
      const before = fs.readFileSync(output);
      const link = `${output}.link`;
      (linksFiles() ? fs.symlinkSync : fs.linkSync)(output, link);
      const { code, stderr } = await write(link);
      t.is(code, 1, stderr);
      t.regex(
        stderr,
        /^ralloc: The file .*\.link exists and is no [^\n]*, so it is left as it is/m,
      );
      t.deepEqual(fs.readFileSync(output), before);
    }
    const own = path.join(dir, 'own');
    fs.writeFileSync(own, '');
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await write(own);
      t.is(code, 0, stderr);
    }
    t.true(fs.statSync(own).size > 0);
  });

  test(`${name}: what cannot be written is told, and nothing is left`, async (t) => {
    const { dir, args } = make(t);
    const write = (output) => calledIn(dir, [...args(dir), '-o', output]);
    fs.mkdirSync(path.join(dir, 'taken'));
    const inputs = args(dir) && fs.readdirSync(dir);
    for (const [output, message] of [
      [path.join('none', 'out'), /cannot be written to none.out: its folder is not there\. /],
      ['taken', /cannot be written to taken: it is a folder\. /],
      ...(fs.existsSync('/dev/full')
        ? [
            [
              '/dev/full',
              /cannot be written to \/dev\/full: the disk is full\. Free some space, or /,
            ],
          ]
        : []),
    ]) {
      const { code, stderr } = await write(output);
      t.is(code, 1, stderr);
      t.regex(stderr, message);
    }
    t.deepEqual(fs.readdirSync(dir), inputs);
  });
}

fullTest('a full disk behind a pipe is told', (t) => {
  const profile = writeProfile(folder(t), 1);
  const full = fs.openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [bin, 'report', '--json', profile], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  fs.closeSync(full);
  t.is(status, 1);
  t.regex(stderr, /^ralloc: standard output cannot be written, .*ENOSPC.*\n$/);
});

fullTest('the exit code is the application’s, whoever reads the messages', (t) => {
  const file = path.join(folder(t), 'a.jsonl');
  const full = fs.openSync('/dev/full', 'w');
  for (const status of [0, 7]) {
    const given = ['profile', '-o', file, '--', 'node', '-e', `process.exit(${status})`];
    const ended = spawnSync(process.execPath, [bin, ...given], {
      stdio: ['ignore', 'ignore', full],
    });
    t.is(ended.status, status);
  }
  fs.closeSync(full);
});

fullTest('a device is written to, and not read', async (t) => {
  const { code, stderr } = await ralloc(['profile', '-o', '/dev/full', '--', 'false']);
  t.is(code, 1, stderr);
  t.regex(stderr, /ralloc: \/dev\/full is no regular file: what was recorded is not kept\n$/);
  const report = await called(['report', '/dev/full']);
  t.is(report.code, 1);
  t.regex(report.stderr, /no line of ralloc's profiler is in it/);
});

test('names in a profile cannot write over a terminal, nor look like another line', async (t) => {
  const dir = folder(t);
  const at = [path.join(dir, 'app.js'), 1, 1];
  const name = '\x1b[2J\x1b]0;title\x07evil\nfake line\u202e';
  const file = path.join(dir, 'a.jsonl');
  profileOf([{ at, name }]).write(file);
  const { code, stdout } = await called(['report', file]);
  t.is(code, 0);
  t.true(stdout.includes('\\u001b[2J\\u001b]0;title\\u0007evil fake line\\u202e()'), stdout);
  t.notRegex(stdout, /(?!\n)[\p{Cc}\u202e]/u);
});
