'use strict';

// Blocks of profiles that chance chose, the same for the same seed. A site's definition depends on its id alone, as a recorder's does.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { encode } = require('../../tools/recorder/lines.js');
const { events } = require('../../tools/recorder/events.js');
const { random } = require('./random.js');
const { allCells, rowsOf } = require('./sums.js');

const SLOT = 2000; // ms
const FIRST_SLOT = 1_700_000_000_000;
const SOURCES = ['Buffer.alloc', 'Buffer.from', 'http', 'fs', 'arena'];

const idOf = (text) => createHash('sha256').update(text).digest('hex').slice(0, 16);

const made = new Map();

/** Site number `n` of an application. */
function siteOf(n) {
  if (!made.has(n)) made.set(n, makeSite(n));
  return made.get(n);
}

function makeSite(n) {
  const depth = n % 5;
  return {
    id: idOf(`site ${n}`),
    source: SOURCES[n % SOURCES.length],
    route: n % 3 === 0 ? `POST /röute/${n % 7}` : undefined,
    frames: Array.from({ length: depth }, (_, i) => ({
      function: i === 0 ? `allocate${n}` : `calls${i}`,
      file: `file:///app/lib/${n % 11}.js`,
      line: n + 1,
      column: i * 4 + 1,
    })),
  };
}

const recorderOf = (n) => ({
  id: idOf(`recorder ${n}`),
  pid: 1000 + n,
  thread: n % 3,
  node: 'v24.1.0',
  platform: 'linux-x64',
  title: `server ${n}`,
  start: FIRST_SLOT + n,
  ...(n % 2 === 0 && { budget: 0.03 }),
});

/** Numbers that are small mostly, and sometimes as large as they can be. */
function number(below) {
  const bits = below(54);
  const value = below(2) === 0 ? below(100) : below(2 ** 31) * 2 ** 22 + below(2 ** 22);
  return value % 2 ** bits;
}

/** Blocks of the `recorder`, one a slot; the definition of a site is in the first that has it. */
function blocksOf(seed, { recorder = seed, slots = 3, sites = 40, cells = 60 } = {}) {
  const below = random(seed);
  const told = new Set();
  return Array.from({ length: slots }, (_, slot) => {
    const rows = Array.from({ length: below(cells) + 1 }, () => ({
      site: siteOf(below(sites)),
      sizeClass: below(64),
      event: below(Object.keys(events).length),
      bucket: below(64),
      samples: number(below),
      count: number(below),
      bytes: number(below),
    }));
    const sitesOfRows = [...new Map(rows.map(({ site }) => [site.id, site])).values()];
    const fresh = sitesOfRows.filter(({ id }) => !told.has(id));
    for (const { id } of fresh) told.add(id);
    return {
      recorder: recorderOf(recorder),
      slot: FIRST_SLOT + slot * SLOT,
      until: FIRST_SLOT + (slot + 1) * SLOT,
      rate: 32768 * (slot + 1),
      process:
        below(4) === 0
          ? undefined
          : { rss: below(1e9), arrayBuffers: 1, external: 2, heapUsed: 3, live: below(1e9) },
      sites: fresh,
      cells: rowsOf(rows.map((row) => ({ ...row, site: row.site.id }))),
    };
  });
}

/** Writes a profile as a recorder does, a frame a slot, into `dir`. */
function writeProfile(dir, seed, options) {
  const file = path.join(dir, `${seed}.jsonl`);
  fs.writeFileSync(file, Buffer.concat(blocksOf(seed, options).map(encode)));
  return file;
}

/** All cells of a Profile, with exact sums. */
const exactCells = (profile) => allCells(profile, BigInt);

module.exports = { exactCells, FIRST_SLOT, SLOT, blocksOf, recorderOf, siteOf, writeProfile };
