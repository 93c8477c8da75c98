'use strict';
// tier: tools

// `ralloc report`: the files it writes, and what it prints.

const test = require('ava');
const fs = require('node:fs');
const { join } = require('node:path');
const { called } = require('../../helpers/cli.js');
const { folder } = require('../../helpers/folder.js');
const { serviceFile } = require('../../helpers/service.js');

const report = (...args) => called(['report', ...args]);

function recorded(t, bytes = serviceFile({ seconds: 20 })) {
  const dir = folder(t);
  const profile = join(dir, 'app.jsonl');
  fs.writeFileSync(profile, bytes);
  return { dir, profile };
}

test('writes a page beside the profile, and tells the costliest lines', async (t) => {
  const { dir, profile } = recorded(t);
  const { code, stdout, stderr } = await report(profile);
  t.is(code, 0, stderr);
  t.deepEqual(fs.readdirSync(dir).sort(), ['app.html', 'app.jsonl']);
  const [file, memory, missing, head, first] = stdout.split('\n');
  t.regex(missing, /^missing: .+ its growth is that of its slots/, 'before the figures');
  t.regex(
    memory,
    /^memory: .+ at first, .+ at most, .+ in the end: no kind .+ but see what stays below$/,
  );
  t.is(file, join(dir, 'app.html'));
  t.regex(head, /^3\.\d+ GB allocated in 20 s, \d+(\.\d+)? MB alive at the end$/);
  t.regex(first, /^ *1\.\d+ GB +± 1 % {2}rows\.js:12 parseRow\(\)$/);
  t.regex(
    stdout,
    /^retains its block: sessions\.js:16 tag\(\) keeps 80\.\d kB and retains 9\.4 MB\n {4}keep Buffer\.from\(/m,
  );
  t.regex(
    stdout,
    /^grows: sessions\.js:9 remember\(\), .+ alive\n {4}npx ralloc profile --snapshot-above \d+m .+\n {4}npx ralloc holders /m,
  );
});

test('the page is one file that names no other', async (t) => {
  const { profile } = recorded(t);
  await report(profile);
  const html = fs.readFileSync(profile.replace('.jsonl', '.html'), 'utf8');
  t.true(html.startsWith('<!doctype html>\n<html lang="en">'));
  t.notRegex(html, /<(?:script|img|iframe|link)[^>]+(?:src|href)="(?!data:)/);
  t.notRegex(html, /url\((?!['"]?(?:data:|#))|@import/);
  t.true(html.length < 400_000, `${html.length}`);
});

test('--json: the lines, the costliest first, with all that the format promises', async (t) => {
  const { profile } = recorded(t);
  const { code, stdout, stderr } = await report('--json', profile);
  t.is(code, 0, stderr);
  const { sites, ...whole } = JSON.parse(stdout);
  t.deepEqual([whole.node, whole.seconds, whole.rate], ['v24.21.0', 20, 32768]);
  t.deepEqual(Object.keys(whole), [
    'node',
    'memory',
    'seconds',
    'rate',
    'bytes',
    'live',
    'notSeen',
    'skipped',
    'lost',
    'missing',
    'findings',
  ]);
  t.true(whole.findings.every(({ kind, now }) => kind.length > 0 && Array.isArray(now)));
  const named = whole.findings.find(({ kind }) => kind === 'leak');
  t.deepEqual([named.file.endsWith('sessions.js'), named.line], [true, 9]);
  t.is(sites.length, 9);
  t.deepEqual(
    sites.map(({ bytes }) => bytes),
    sites.map(({ bytes }) => bytes).toSorted((a, b) => b - a),
  );
  const names = ['file', 'line', 'column', 'stack', 'bytes', 'count', 'live', 'peak'];
  for (const site of sites) {
    for (const name of [...names, 'lifetimes', 'withRequest', 'outlived'])
      t.true(name in site, name);
    t.true(site.lifetimes.every(({ ms, bytes }) => (ms === null || ms > 0) && bytes > 0));
  }
  const [{ file, line, column, function: name, stack }] = sites;
  t.deepEqual([line, column, name], [12, 22, 'parseRow']);
  t.true(file.endsWith('rows.js'));
  t.deepEqual(stack[0], { function: 'parseRow', file, line, column });
  const chunks = sites.find(({ source }) => source === 'http');
  t.deepEqual(
    [chunks.file, chunks.line, chunks.route, chunks.stack],
    [null, null, 'POST /rows', []],
  );
});

test('--json of two profiles: before, after, and the changes', async (t) => {
  const { dir, profile } = recorded(t);
  const other = join(dir, 'other.jsonl');
  fs.writeFileSync(other, serviceFile({ seconds: 20, churn: 300_000_000 }));
  const { stdout } = await report('--json', profile, other);
  const { before, after, changes } = JSON.parse(stdout);
  t.true(before.sites[0].bytes < after.sites[0].bytes);
  t.deepEqual([changes[0].path, changes[0].verdict], ['rows.js', 'more']);
});

test('of two profiles the terminal tells first what changed', async (t) => {
  const { dir, profile } = recorded(t);
  const other = join(dir, 'other.jsonl');
  fs.writeFileSync(other, serviceFile({ seconds: 20, churn: 300_000_000 }));
  const [, first, ...rows] = (await report(profile, other)).stdout.split('\n');
  t.regex(first, /^changed: allocated \d+ MB\/s → \d+ MB\/s, alive at the end .+ → /);
  t.regex(rows[0], /^ *\+\d+(\.\d+)? MB\/s {2}rows\.js:\d+ .+: more, alive /);
  const same = (await report(profile, profile)).stdout;
  t.regex(same, /\nno line has changed by more than the error\n/);
});

test('of two profiles the page is named by the second', async (t) => {
  const { dir, profile } = recorded(t);
  fs.copyFileSync(profile, join(dir, 'later.jsonl'));
  t.is((await report(profile, join(dir, 'later.jsonl'))).code, 0);
  t.deepEqual(fs.readdirSync(dir).sort(), ['app.jsonl', 'later.html', 'later.jsonl']);
});

test('--no-code leaves the code out', async (t) => {
  const { profile } = recorded(t);
  const page = () => fs.readFileSync(profile.replace('.jsonl', '.html'), 'utf8');
  await report(profile);
  t.true(page().includes('sessions.set(id'));
  await report('--no-code', profile);
  t.false(page().includes('sessions.set(id'));
  t.true(page().includes('sessions.js'));
});

test('the profile of a killed process opens, and the page says what was cut off', async (t) => {
  const whole = serviceFile({ seconds: 20 });
  const { profile } = recorded(t, whole.subarray(0, whole.length - 7));
  const { code, stdout } = await report('--json', profile);
  t.is(code, 0);
  const { seconds, skipped } = JSON.parse(stdout);
  t.is(seconds, 18);
  t.true(skipped > 0);
});
