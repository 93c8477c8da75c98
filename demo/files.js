'use strict';

// The real files of the demo: sources, READMEs and binaries of this clone and of its node_modules,
// in sorted order, spread evenly over the whole list, and hashed, so that two runs can tell whether
// they had the same ones. Bounded: 8 MiB in all, the first 128 KiB of each. They are copied aside
// first: a build or an editor beside the demo must not change an answer under way.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const SKIP = new Set(['.git', 'target', 'coverage']);
const SMALLEST = 32 * 1024; // every piece, 16 KiB at most, fits into any of them
const LARGEST = 128 * 1024;
const KINDS = [
  { binary: false, ends: /\.(js|cjs|mjs|ts|mts|rs)$/, budget: 5 << 20 },
  { binary: false, ends: /\.md$/i, budget: 1 << 20 },
  { binary: true, ends: /(\.node|\.wasm|\/[^./]+)$/, budget: 2 << 20 },
];

function walk(folder, found) {
  for (const entry of fs.readdirSync(path.join(ROOT, folder), { withFileTypes: true })) {
    const name = folder ? `${folder}/${entry.name}` : entry.name;
    if (entry.isDirectory() && !SKIP.has(entry.name)) walk(name, found);
    else if (entry.isFile()) found.push(name);
  }
  return found;
}

/** The first `limit` bytes of a file. */
function head(file, limit) {
  const fd = fs.openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(limit);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, limit, 0));
  } finally {
    fs.closeSync(fd);
  }
}

/** Names of up to `budget` bytes of the candidates, evenly spaced over their sorted order. */
function pick(candidates, budget) {
  const step = Math.max(1, Math.floor((candidates.length * SMALLEST) / budget));
  const picked = [];
  for (let i = 0; i < candidates.length && budget >= LARGEST; i += step) {
    picked.push(candidates[i].name);
    budget -= Math.min(candidates[i].size, LARGEST);
  }
  return picked;
}

function choose() {
  const sized = walk('', [])
    .sort()
    .map((name) => ({ name, size: fs.statSync(path.join(ROOT, name)).size }))
    .filter(({ size }) => size >= SMALLEST);
  return KINDS.flatMap(({ binary, ends, budget }) => {
    const fits = ({ name }) =>
      ends.test(`/${name}`) && head(path.join(ROOT, name), 512).includes(0) === binary;
    return pick(sized.filter(fits), budget);
  });
}

/** Chooses the files and copies them: `{ copies: [path], summary: { count, bytes, sha256 } }`. */
function prepare() {
  const names = choose();
  if (names.length === 0) throw new Error('there are no files to read: run npm install first');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-demo-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  const hash = createHash('sha256');
  let total = 0;
  const copies = names.map((name, n) => {
    const bytes = head(path.join(ROOT, name), LARGEST);
    hash.update(`${name} ${bytes.length}\n`).update(bytes);
    total += bytes.length;
    const copy = path.join(folder, String(n));
    fs.writeFileSync(copy, bytes);
    return copy;
  });
  return { copies, summary: { count: copies.length, bytes: total, sha256: hash.digest('hex') } };
}

/** Reads the copies into memory and keeps each open: `[{ bytes, fd }]`. */
function load(copies) {
  return copies.map((copy) => ({ bytes: fs.readFileSync(copy), fd: fs.openSync(copy, 'r') }));
}

/** The text that the `json` mix parses: the clone's own package.json. */
function manifest() {
  return fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8');
}

module.exports = { prepare, load, manifest };
