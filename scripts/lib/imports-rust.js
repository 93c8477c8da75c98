'use strict';

// Who may import whom in src/: downward only, never sideways or in circles, and three doors.

const { cyclesOf } = require('./cycles.js');
const { listFiles, readFile } = require('./files.js');
const { rustPaths, moduleOf } = require('./rust-paths.js');

/** Rooms by floor; a file may use rooms of lower floors and its own room. */
const FLOORS = {
  node: 5,
  lease: 4,
  arena: 4,
  slab: 4,
  region: 4,
  memory: 3,
  os: 2,
  lifetime: 2,
  object_pool: 2,
  debug: 1,
  error: 1,
  layout: 1,
  limit: 1,
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
  {
    // The models are tests, and start loom's own threads.
    path: /^loom(::|$)/,
    inside: /^src\/(sync|.*\/models)\.rs$/,
    name: 'loom',
    door: 'src/sync.rs and models.rs',
  },
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
  if (!(from in FLOORS)) return `src/${from} is on no floor: add it to scripts/lib/imports-rust.js`;
  if (FORBIDDEN[from]?.includes(to)) return `${from} must not use ${to}`;
  if (FLOORS[to] < FLOORS[from] || (FLOORS[to] === GROUND && FLOORS[from] === GROUND)) return null;
  const where = FLOORS[to] === FLOORS[from] ? 'on the same floor' : 'above it';
  return `${from} must not use ${to}, which is ${where}`;
}

/** What a `mod.rs` says of names that it re-exports: `crate::memory::Depot` → `crate::memory::depot`. */
function reExports(module, paths, modules) {
  const found = new Map();
  for (const { path } of paths) {
    const parts = path.replace(/^self::/, '').split('::');
    const child = ['crate', ...module, parts[0]].join('::');
    if (parts.length > 1 && modules.has(child))
      found.set(['crate', ...module, parts.at(-1)].join('::'), child);
  }
  return found;
}

/**
 * Files of a room that import each other in a circle. A module and those inside it count as one thing in
 * several files: a parent names its children, and they use what it has for all of them.
 */
function inCircles(sources) {
  const modules = new Map();
  for (const file of sources.keys()) modules.set(['crate', ...moduleOf(file)].join('::'), file);
  const exported = new Map();
  for (const [file, paths] of sources)
    for (const entry of reExports(moduleOf(file), paths, modules)) exported.set(...entry);
  const targetOf = (path) => {
    const parts = path.split('::');
    for (; parts.length > 1; parts.pop()) {
      const name = parts.join('::');
      if (exported.has(name) || modules.has(name)) return exported.get(name) ?? name;
    }
    return null;
  };
  const graph = new Map();
  for (const [file, paths] of sources) {
    const own = ['crate', ...moduleOf(file)].join('::');
    const others = paths.map(({ path }) => targetOf(path)).filter((target) => target !== null);
    const apart = others.filter(
      (to) => !`${own}::`.startsWith(`${to}::`) && !to.startsWith(`${own}::`),
    );
    graph.set(file, [...new Set(apart.map((to) => modules.get(to)))]);
  }
  return cyclesOf(graph);
}

/** @returns {{ file: string, line: number, what: string }[]} */
function checkRust(root) {
  const findings = [];
  const sources = new Map();
  for (const file of listFiles(root)) {
    if (!/^src\/.*\.rs$/.test(file)) continue;
    const paths = rustPaths(file, readFile(root, file));
    sources.set(file, paths);
    for (const { path, line } of paths) {
      const what = throughDoors(file, path) || betweenFloors(file, path);
      if (what) findings.push({ file, line, what });
    }
  }
  for (const cycle of inCircles(sources)) {
    const what = `a cycle: ${[...cycle, cycle[0]].join(' → ')}`;
    findings.push({ file: cycle[0], line: 1, what });
  }
  return findings;
}

module.exports = { checkRust };
