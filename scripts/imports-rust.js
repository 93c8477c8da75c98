'use strict';

// Who may import whom in src/: downward only, never sideways, and three doors.

const { listFiles, readFile } = require('./files.js');
const { rustPaths, moduleOf } = require('./rust-paths.js');

/** Rooms by floor; a file may use rooms of lower floors and its own room. */
const FLOORS = {
  node: 5,
  arena: 4,
  slab: 4,
  region: 4,
  memory: 3,
  os: 2,
  lifetime: 2,
  object_pool: 2,
  error: 1,
  layout: 1,
  stats: 1,
  sync: 1,
};

/** What serves everyone may also use one another. */
const GROUND = 1;

/** `lifetime` decides and owns no memory. */
const FORBIDDEN = { memory: ['lifetime'], os: ['lifetime'], lifetime: ['os'] };

/** Crates and modules that are written in one place only. */
const DOORS = [
  {
    path: /^(napi|napi_derive|napi_sys)(::|$)/,
    inside: /^src\/node\//,
    name: 'napi',
    door: 'src/node',
  },
  {
    path: /^(libc|windows|windows_sys|winapi)(::|$)/,
    inside: /^src\/os\//,
    name: 'the OS',
    door: 'src/os',
  },
  {
    path: /^(std|core)::sync::atomic(::|$)/,
    inside: /^src\/sync\.rs$/,
    name: 'atomics',
    door: 'src/sync.rs',
  },
  { path: /^loom(::|$)/, inside: /^src\/sync\.rs$/, name: 'loom', door: 'src/sync.rs' },
];

function throughDoors(file, path) {
  const door = DOORS.find((one) => one.path.test(path));
  return door && !door.inside.test(file) ? `${path}: ${door.name} only in ${door.door}` : null;
}

function betweenFloors(file, path) {
  const [from] = moduleOf(file);
  const [root, to] = path.split('::');
  // lib.rs is the table of contents: it names everything.
  if (from === undefined || root !== 'crate' || to === from || !(to in FLOORS)) return null;
  if (!(from in FLOORS)) return `src/${from} is on no floor: add it to scripts/imports-rust.js`;
  if (FORBIDDEN[from]?.includes(to)) return `${from} must not use ${to}`;
  if (FLOORS[to] < FLOORS[from] || (FLOORS[to] === GROUND && FLOORS[from] === GROUND)) return null;
  const where = FLOORS[to] === FLOORS[from] ? 'on the same floor' : 'above it';
  return `${from} must not use ${to}, which is ${where}`;
}

/** @returns {{ file: string, line: number, what: string }[]} */
function checkRust(root) {
  const findings = [];
  for (const file of listFiles(root)) {
    if (!/^src\/.*\.rs$/.test(file)) continue;
    for (const { path, line } of rustPaths(file, readFile(root, file))) {
      const what = throughDoors(file, path) || betweenFloors(file, path);
      if (what) findings.push({ file, line, what });
    }
  }
  return findings;
}

module.exports = { checkRust };
