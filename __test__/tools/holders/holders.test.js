'use strict';
// tier: tools, differs by Node

// `ralloc holders`: of a real process whose Buffers, their sizes, holders and lines are known.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { Graph } = require('../../../tools/holders/graph.js');
const { holdersOf } = require('../../../tools/holders/holders.js');
const { called } = require('../../helpers/cli.js');
const { run } = require('../../helpers/child.js');
const { newFolder, removeFolder } = require('../../helpers/folder.js');

const PROGRAM = join('tools', 'holders', 'holds.js');

const dirs = [newFolder(), newFolder()];
const [recorded, alone] = dirs;
const of = (dir, ...names) => names.map((name) => join(dir, name));

test.before(async (t) => {
  const ended = [
    await run(PROGRAM, { args: [recorded, 'recorded'] }),
    await run(PROGRAM, { args: [alone] }),
  ];
  t.deepEqual(
    ended.map(({ code, stderr }) => [code, stderr]),
    [
      [0, ''],
      [0, ''],
    ],
  );
});

test.after.always(() => dirs.forEach(removeFolder));

/** A path is printed top down, an edge a line. */
const inOneLine = (group) => group.replace(/\n +→/g, ' →');

async function holders(t, ...files) {
  const { code, stdout, stderr } = await called(['holders', ...files]);
  t.is(stderr, '');
  t.is(code, 0);
  return stdout.trimEnd().split('\n\n').map(inOneLine);
}

/** The only one of `groups` whose way ends so. */
function groupAt(t, groups, end) {
  const found = groups.filter((group) => group.split('\n')[1]?.endsWith(end));
  t.is(found.length, 1, `${end} in\n${groups.join('\n')}`);
  return found[0] ?? '';
}

const SESSIONS = 'sessions: Map → []: Session → body: Buffer';

test('ArrayBuffers are grouped by the ways that hold them, with their bytes', async (t) => {
  const groups = await holders(t, ...of(alone, '1.heapsnapshot'));
  for (const [end, sum] of [
    [SESSIONS, '1.9 MiB in 20 ArrayBuffers, held by'],
    ['named: Object → []: Buffer', '1.4 MiB in 300 ArrayBuffers, held by'],
    ['chain: Object → next: Object → data: Buffer', '390.6 KiB in 10 ArrayBuffers, held by'],
    ['→ kept: Buffer', '87.9 KiB in 1 ArrayBuffer, held by'],
  ]) {
    t.is(groupAt(t, groups, end).split('\n')[0], sum);
  }
  const ofKey = groupAt(t, groups, 'keys: Array → []: Object → WeakMap: Buffer');
  t.true(ofKey.startsWith('68.4 KiB'), 'the value of a WeakMap is held by its key');
  t.regex(groupAt(t, groups, SESSIONS), /→ held: \w+\(\) \S*holds\.js:\d+ → sessions: Map/);
  t.is(groups.at(-1), 'No lines are known: the process was not recorded. See: ralloc help holders');
});

test('what was sampled has its line, and nothing is held by the recorder', async (t) => {
  const groups = await holders(t, ...of(recorded, '1.heapsnapshot'));
  const line = '  allocated by Buffer.allocUnsafeSlow ';
  const [, , session] = groupAt(t, groups, SESSIONS).split('\n');
  t.true(session.startsWith(line), session);
  t.regex(session, / upload \S*holds\.js:\d+:\d+: 1\.9 MiB in 20$/);
  t.regex(groupAt(t, groups, '→ kept: Buffer'), /allocated by Buffer\.alloc .*holds\.js/);
  t.regex(
    groupAt(t, groups, 'keys: Array → []: Object → WeakMap: Buffer'),
    / hold \S*holds\.js:\d+:\d+: 68\.4 KiB in 1$/,
  );
  t.notRegex(groups.join('\n'), /Recorded(Request|Pins)|Samples/);
});

test('a profile tells how much the line allocated in all, and its callers', async (t) => {
  const groups = await holders(t, ...of(recorded, '1.heapsnapshot', 'a.jsonl'));
  const [, , session, stack] = groupAt(t, groups, SESSIONS).split('\n');
  t.regex(session, /: 1\.9 MiB in 20, of 2\.4 MiB that it allocated$/);
  t.true(stack.startsWith('    upload ← hold ← main'), stack);
});

test('of two snapshots, what came is told apart from what was there', async (t) => {
  const groups = await holders(t, ...of(recorded, '1.heapsnapshot', '2.heapsnapshot', 'a.jsonl'));
  t.regex(
    groups[0],
    /^488\.\d KiB in \d ArrayBuffers came and are held; 3\.\d MiB in \d+ .*before$/,
  );
  const session = groupAt(t, groups, SESSIONS);
  t.true(session.startsWith('488.4 KiB in 5 ArrayBuffers, beside 1.6 MiB from before, held by'));
  t.regex(session, /: 488\.4 KiB in 5, of 2\.4 MiB that it allocated/);
});

test('without a recorder in the process, a profile makes a guess by sizes, which is told', async (t) => {
  const groups = await holders(t, ...of(alone, '1.heapsnapshot'), join(recorded, 'a.jsonl'));
  const session = groupAt(t, groups, SESSIONS);
  t.regex(
    session,
    /perhaps allocated by Buffer\.allocUnsafeSlow upload \S*holds\.js:\d+:\d+: 1\.9 MiB in 20/,
  );
  t.is(groups.at(-1), 'The lines are guesses, by sizes alone: the process was not recorded.');
});

test('pieces of a file may end anywhere', (t) => {
  const [file] = of(recorded, '1.heapsnapshot');
  const found = [undefined, 8191, 70_001].map((piece) => {
    const graph = new Graph(file, [], piece);
    const groups = holdersOf(graph);
    graph.close();
    return groups;
  });
  t.true(found[0].groups.length > 10);
  t.false(found[0].groups.some(({ way }) => way.at(-1) === 'looksLikeMemory'));
  t.deepEqual(found[1], found[0]);
  t.deepEqual(found[2], found[0]);
});

test('a snapshot that is none, or is cut off, and a profile of another process are one line', async (t) => {
  const dir = newFolder();
  t.teardown(() => removeFolder(dir));
  const whole = fs.readFileSync(join(alone, '1.heapsnapshot'));
  const written = (name, bytes) => {
    fs.writeFileSync(join(dir, name), bytes);
    return join(dir, name);
  };
  const places = ['"nodes":[', '"edges":[', '"locations":[', '"strings":['].map((mark) =>
    whole.indexOf(mark),
  );
  const cuts = [0, 5, 100, ...places.flatMap((at) => [at, at + 12, at + 3000]), whole.length - 4];
  const damaged = cuts.map((at) => written(`${at}.heapsnapshot`, whole.subarray(0, at)));
  damaged.push(written('letters', Buffer.from(`${whole.latin1Slice(0, places[0] + 30)}x,1`)));
  damaged.push(written('head', '{"snapshot":{"meta":{}},\n"nodes":['));
  const foreign = [written('a.json', '{"a":1}'), join(recorded, 'a.jsonl')];
  const other = join(recorded, '1.heapsnapshot');
  const strange = written(
    'b.jsonl',
    fs
      .readFileSync(join(recorded, 'a.jsonl'), 'latin1')
      .replaceAll(/"id":"\w+"/g, '"id":"0123456789abcdef"'),
  );
  const before = fs.readdirSync(dir);
  for (const [files, message] of [
    ...damaged.map((file) => [
      [file],
      `The heap snapshot ${file} is cut off or damaged. Take another one`,
    ]),
    ...foreign.map((file) => [
      [file],
      `${file} is no heap snapshot of V8. Give a file that profiler.snapshot() or v8.writeHeapSnapshot() wrote`,
    ]),
    [
      [other, strange],
      `${strange} and ${other} are of two processes. Give what one process wrote in one run`,
    ],
    [[join(dir, 'none')], /^The heap snapshot .*none cannot be read: there is no such file$/],
    [[other, join(dir, 'none.jsonl')], /^The profile .*none\.jsonl: there is no such file/],
  ]) {
    const { code, stdout, stderr } = await called(['holders', ...files]);
    t.deepEqual([code, stdout, stderr.split('\n').length], [1, '', 2], stderr);
    const told = stderr.slice('ralloc: '.length, -1);
    if (typeof message === 'string') t.is(told, message);
    else t.regex(told, message);
  }
  t.deepEqual(fs.readdirSync(dir), before);
});

test('what makes no sense together is refused', async (t) => {
  const [one, profile] = of(recorded, '1.heapsnapshot', 'a.jsonl');
  for (const files of [[], [one, one, one], [one, profile, profile]]) {
    t.is((await called(['holders', ...files])).code, 2);
  }
});

test('--json: the same paths, from the root, with their sums and lines', async (t) => {
  const files = of(recorded, '1.heapsnapshot', 'a.jsonl');
  const { code, stdout } = await called(['holders', '--json', ...files]);
  t.is(code, 0);
  const { came, held } = JSON.parse(stdout);
  const sum = held.reduce((all, one) => all + one.came.bytes, 0);
  t.is(sum, came.bytes);
  const sessions = held.find(({ path }) => path.slice(-3).join(' → ') === SESSIONS);
  t.regex(sessions.lines[0].line, /^Buffer\.alloc\w* .*holds\.js/);
  t.true(sessions.lines[0].allocated > 0);
});
