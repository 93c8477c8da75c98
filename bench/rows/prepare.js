'use strict';

// The service in folders of its own: as it was (`plain`), and as `ralloc apply` leaves it
// (`apply`). The second has a table such as `ralloc bake` makes of a recording under load: that
// pages die with their request, and that reports and sessions live long.

const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { applyPatch, parsePatch } = require('diff');
const { textOf } = require('../../lib/site/table-file.js');

const ROOT = path.join(__dirname, '..', '..');
const EXAMPLE = path.join(ROOT, 'examples', 'rows');
const TABLE = 'ralloc.table.json';

const OWN = ['app.js', 'mount.js', 'reports.js', 'rows.js', 'sessions.js'];
const SHARED = ['journal.js', 'lines.js'];

const inRegion = {
  callee: 'Buffer.from',
  strategy: 'region',
  certainty: 'suggested',
  reason: 'long',
};
const withRequest = {
  strategy: 'request',
  certainty: 'proved',
  reason: 'with-request',
  edit: true,
};

/** What the table says of a call of a file. */
const SITES = [
  { file: 'reports.js', function: 'Reports.#make', size: 65_536, mostly: 32_768, ...inRegion },
  { file: 'rows.js', function: 'parseRows', callee: 'Buffer.allocUnsafe', ...withRequest },
  { file: 'sessions.js', function: 'Sessions.#renew', size: 16_384, mostly: 8192, ...inRegion },
];

/** A site as the table has it. `bytes`: of a page. */
function siteOf(dir, about, bytes) {
  const size = 2 ** Math.ceil(Math.log2(bytes));
  const text = fs.readFileSync(path.join(dir, about.file), 'utf8');
  const offset = text.indexOf(`${about.callee}(`);
  const before = text.slice(0, offset + 'Buffer.'.length).split('\n'); // V8 tells the method's place
  const told = { bytes: 4000 * size, samples: 4000, exceptions: 0, shares: [1] };
  const [line, column] = [before.length, before.at(-1).length + 1];
  return { line, column, offset, source: about.callee, size, mostly: size, ...told, ...about };
}

function writeTable(dir, size, { names = SITES.map(({ file }) => file) } = {}) {
  const sites = SITES.filter(({ file }) => names.includes(file));
  const sha256 = (file) =>
    createHash('sha256')
      .update(fs.readFileSync(path.join(dir, file)))
      .digest('hex');
  const table = {
    application: 'rows',
    recorded: { recorders: 1, seconds: 60 },
    files: sites.map(({ file }) => ({ file, sha256: sha256(file) })),
    sites: sites.map((about) => siteOf(dir, about, size)),
  };
  fs.writeFileSync(path.join(dir, TABLE), textOf(table));
}

/** A copy of the service, with what it requires. */
function copy(dir) {
  fs.mkdirSync(path.join(dir, 'node_modules'), { recursive: true });
  for (const name of OWN) fs.copyFileSync(path.join(__dirname, name), path.join(dir, name));
  for (const name of SHARED) fs.copyFileSync(path.join(EXAMPLE, name), path.join(dir, name));
  fs.writeFileSync(path.join(dir, 'package.json'), '{ "name": "rows" }\n');
  for (const [name, to] of [
    ['ralloc', ROOT],
    ['express', fs.realpathSync(path.join(ROOT, 'node_modules', 'express'))],
  ]) {
    fs.symlinkSync(to, path.join(dir, 'node_modules', name), 'junction');
  }
}

/** Does in a folder what a diff says, as `git apply`. */
function patch(dir, diff) {
  if (diff.length === 0) return;
  for (const one of parsePatch(`${diff}`)) {
    const file = path.join(dir, one.newFileName.slice('b/'.length));
    fs.writeFileSync(file, applyPatch(fs.readFileSync(file, 'utf8'), one));
  }
}

/**
 * Makes the folders in `folder`, which has to be a real path: name → folder. `size`: of a page, in
 * bytes.
 */
function prepare(folder, size) {
  const dirs = Object.fromEntries(
    ['plain', 'apply', 'empty'].map((name) => [name, path.join(folder, name)]),
  );
  for (const dir of Object.values(dirs)) copy(dir);
  writeTable(dirs.plain, size);
  writeTable(dirs.apply, size);
  writeTable(dirs.empty, size, { names: [] });
  const ralloc = path.join(ROOT, 'bin', 'ralloc.js');
  patch(
    dirs.apply,
    execFileSync(process.execPath, [ralloc, 'apply'], { cwd: dirs.apply, stdio: 'pipe' }),
  );
  return dirs;
}

module.exports = { TABLE, patch, prepare };
