'use strict';

// Who may require whom in lib/ and tools/. A room is a folder of these, or a file that stands in lib/ itself; rooms stand
// on floors. A file may use its own room and every floor below, none above, and no other room of its floor.
// lib/ loads tools/ in one file, lazily. No framework, no package but our own platform packages; only the CLI prints; no cycles.

const { builtinModules } = require('node:module');
const path = require('node:path');
const { cyclesOf } = require('./cycles.js');
const { listFiles, readFile } = require('./files.js');
const { JAVASCRIPT, maskSource, lineOf } = require('./source.js');

/** From the top down. A room that is not here has to be given its floor first. */
const FLOORS = [
  ['tools/cli'],
  ['tools/holders'],
  ['tools/report'],
  ['tools/placement'],
  ['tools/recorder'],
  ['index'],
  ['nest', 'http'], // which stand on others' doors
  ['express', 'fastify', 'koa', 'hono', 'profiler', 'test', 'auto'],
  ['admission'],
  ['debug', 'metrics'],
  ['request'],
  ['site'],
  ['arena', 'slab', 'region'],
  ['budget', 'node'],
  ['memory'],
  ['base'],
];

/** What the build bundles of packages, which is not committed, and the rooms that may load it. */
const BUNDLED = { 'tools/cli/dist/': ['tools/cli'], 'lib/auto/dist/': ['auto', 'tools/cli'] };

/** Programs of a browser. */
const PAGE = 'tools/report/page/';

/** The requires from lib/ to tools/: by this file, of these, by such a text. */
const DOOR = {
  from: 'lib/profiler.js',
  to: ['tools/recorder/profiler.js', 'tools/cli/pprof.js'],
  textOf: (target) => `lazy(() => require('../${target}'))`,
};

/** The one file that loads binaries, and whose requires may be computed. */
const LOADER = 'lib/memory/native.js';

/** The one that looks into Node's cache of modules. */
const LAZY = 'lib/base/lazy.js';

const PRINTS = /\bconsole\s*\.|\bprocess\s*\.\s*(stdout|stderr)\b|\b_rawDebug\b/g;

/** Other ways to a module than a require of a literal. */
const LOADS = /\bcreateRequire\b|\bdlopen\b|\brequire\b(?!\s*\(|\s*\.\s*(?:resolve\s*\(|cache\b))/g;

/** What a table of contents does not need, but for what a load is left to: `= lazy(() => …)`. */
const LOGIC =
  /\b(function|class|if|for|while|do|switch|try|new|await|yield|let|var|throw)\b|(?<!= lazy\(\(\) )=>/g;

const PLATFORM_PACKAGE = /^@ralloc\//;

/** `lib/arena/window.js` → `arena`, `lib/express.js` → `express`, `tools/cli/index.js` → `tools/cli`. */
function roomOf(file) {
  const [top, name] = file.split('/');
  const room = name.replace(/\.[cm]?js$/, '');
  return top === 'lib' ? room : `${top}/${room}`;
}

/** 0 is the top; -1 for a room without a floor. */
const floorOf = (room) => FLOORS.findIndex((rooms) => rooms.includes(room));

/** Every require, import and re-export. `to` is null when it is computed. */
function requiresOf(source, code) {
  const found = [];
  for (const match of code.matchAll(
    /\b(?:require(?:\.resolve)?|import)\s*\(\s*|\bfrom\s*(?=['"])|\bimport\s*(?=['"])/g,
  )) {
    const literal = /^(['"`])([^'"`]*)\1\s*/.exec(source.slice(match.index + match[0].length));
    const computed = !literal || (literal[1] === '`' && literal[2].includes('${'));
    found.push({ to: computed ? null : literal[2], line: lineOf(source, match.index) });
  }
  return found;
}

function targetOf(file, to) {
  return path.posix.normalize(path.posix.join(path.posix.dirname(file), to));
}

function aboutPackage(file, to) {
  if (to.startsWith('node:') || builtinModules.includes(to)) return null;
  if (!PLATFORM_PACKAGE.test(to)) return `${to}: lib/ and tools/ require no package`;
  return file === LOADER ? null : `${to}: only ${LOADER} loads a platform package`;
}

function aboutRooms(from, to) {
  if (from === to) return null;
  const [above, below] = [floorOf(from), floorOf(to)];
  if (above === -1 || below === -1 || above < below) return null;
  return above > below
    ? `${from} must not use ${to}, which is above it`
    : `${from} must not use ${to}, which is on the same floor`;
}

const isOfTools = (file) => file.startsWith('tools/');

const mayLoadBundled = (file, target) =>
  Object.entries(BUNDLED).some(
    ([folder, rooms]) => target.startsWith(folder) && rooms.includes(roomOf(file)),
  );

function aboutFile({ file, source }, to, files) {
  const target = targetOf(file, to);
  if (target === 'package.json') return null;
  if (target.endsWith('.node')) return file === LOADER ? null : `${to}: only ${LOADER} loads it`;
  if (mayLoadBundled(file, target)) return null;
  if (!/^(lib|tools)\//.test(target)) return `${to} leads out of lib/ and tools/`;
  if (!files.includes(target)) return `${to} is no file (write the extension)`;
  if (!isOfTools(file) && isOfTools(target)) return aboutDoor(file, target, source);
  return aboutRooms(roomOf(file), roomOf(target));
}

function aboutDoor(file, target, source) {
  if (file !== DOOR.from || !DOOR.to.includes(target)) {
    return `lib/ uses tools/ by ${DOOR.from} alone`;
  }
  const text = DOOR.textOf(target);
  return source.split(target).length === 2 && source.includes(text)
    ? null
    : `write it as ${text}: lib/ loads tools/ when it is needed`;
}

function aboutRequire(one, to, files) {
  const { file } = one;
  if (to === null) return file === LOADER ? null : 'a computed require, which no check can follow';
  return to.startsWith('.') ? aboutFile(one, to, files) : aboutPackage(file, to);
}

function each(pattern, code, what) {
  return [...code.matchAll(pattern)].map((match) => ({
    line: lineOf(code, match.index),
    what: what(match[0]),
  }));
}

function checkFile(one, files) {
  const { file, source, code } = one;
  const findings = requiresOf(source, code).map(({ to, line }) => ({
    line,
    what: aboutRequire(one, to, files),
  }));
  const room = roomOf(file);
  if (floorOf(room) === -1)
    findings.push({ line: 1, what: `${room} is on no floor: name it in FLOORS` });
  if (file !== LOADER && file !== LAZY)
    findings.push(...each(LOADS, code, (text) => `${text}: only ${LOADER} loads by other means`));
  if (room !== 'tools/cli')
    findings.push(...each(PRINTS, code, (text) => `${text} prints; only tools/cli does`));
  if (room === 'index') {
    findings.push(
      ...each(LOGIC, code, (text) => `"${text}": the table of contents only requires and exports`),
    );
  }
  return findings.filter(({ what }) => what).map((finding) => ({ file, ...finding }));
}

function readLibrary(root) {
  const files = listFiles(root).filter(
    (file) => /^(lib|tools)\/.*\.[cm]?js$/.test(file) && !file.startsWith(PAGE),
  );
  return files.map((file) => {
    const source = readFile(root, file);
    return { file, source, code: maskSource(source, JAVASCRIPT) };
  });
}

/** file → the files of lib/ and tools/ that it requires */
function graphOf(library) {
  const files = new Set(library.map(({ file }) => file));
  const targets = ({ file, source, code }) =>
    requiresOf(source, code)
      .filter(({ to }) => to?.startsWith('.'))
      .map(({ to }) => targetOf(file, to))
      .filter((target) => files.has(target));
  return new Map(library.map((one) => [one.file, targets(one)]));
}

/** @returns {{ file: string, line: number, what: string }[]} */
function checkJavaScript(root) {
  const library = readLibrary(root);
  const files = library.map(({ file }) => file);
  const findings = library.flatMap((one) => checkFile(one, files));
  for (const cycle of cyclesOf(graphOf(library))) {
    const what = `a cycle: ${[...cycle, cycle[0]].join(' → ')}`;
    findings.push({ file: cycle[0], line: 1, what });
  }
  return findings;
}

/** The same by rooms: room → the other rooms that it uses. */
function roomGraphOf(files) {
  const rooms = new Map();
  for (const [file, targets] of files) {
    const room = roomOf(file);
    const others = rooms.get(room) ?? new Set();
    for (const target of targets.map(roomOf)) if (target !== room) others.add(target);
    rooms.set(room, others);
  }
  return rooms;
}

/** Floors as they are, not as they are planned: how many rooms the longest way down passes. */
function depthOf(rooms, room, above = []) {
  if (above.includes(room)) return 0;
  const below = [...(rooms.get(room) ?? [])].map((next) => depthOf(rooms, next, [...above, room]));
  return 1 + Math.max(0, ...below);
}

/** A few lines for people: the rooms, from the top down, with the arrows between them, and the cycles. */
function pictureOf(root) {
  const files = graphOf(readLibrary(root));
  const rooms = roomGraphOf(files);
  const depths = new Map([...rooms.keys()].map((room) => [room, depthOf(rooms, room)]));
  const names = [...rooms.keys()].sort((a, b) => depths.get(b) - depths.get(a));
  const lines = names.map((room) => {
    const below = [...rooms.get(room)].sort().join(', ');
    return `${depths.get(room)}  ${room}${below === '' ? '' : ` → ${below}`}`;
  });
  const arrows = names.reduce((sum, room) => sum + rooms.get(room).size, 0);
  const cycles = [...cyclesOf(rooms), ...cyclesOf(files)].map((one) =>
    [...one, one[0]].join(' → '),
  );
  const floors = Math.max(0, ...depths.values());
  const counts = `${files.size} files, ${rooms.size} rooms, ${floors} floors, ${arrows} arrows, ${cycles.length} cycles`;
  return [...lines, ...cycles.map((one) => `cycle: ${one}`), counts].join('\n');
}

module.exports = { checkJavaScript, pictureOf };
