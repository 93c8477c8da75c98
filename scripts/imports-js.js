'use strict';

// Who may require whom in lib/: adapters → request-arena → noun files → native → what serves everyone.
// No framework, no package but our own platform packages; only the CLI prints; no cycles.

const { builtinModules } = require('node:module');
const path = require('node:path');
const { cyclesOf } = require('./cycles.js');
const { listFiles, readFile } = require('./files.js');
const { JAVASCRIPT, maskSource, lineOf } = require('./source.js');

/** Floors by the name's beginning, first match wins; what is on none is a noun. */
const FLOORS = [
  { floor: 6, name: 'the table of contents', is: /^(index\.m?js$|cli\/)/ },
  { floor: 5, name: 'an adapter', is: /^(express|fastify|koa|hono|http)\.js$/ },
  { floor: 4, name: 'request-arena', is: /^request-[\w-]+\.js$/ },
  { floor: 2, name: 'native', is: /^(native|fallback)(-[\w-]+)?\.js$/ },
  { floor: 1, name: 'what serves everyone', is: /^(errors|warnings|validate|runtime)\.js$/ },
  { floor: 3, name: 'a noun', is: /./ },
];

const PRINTS = /\bconsole\s*\.|\bprocess\s*\.\s*(stdout|stderr)\b|\b_rawDebug\b/g;

/** What a table of contents does not need. */
const LOGIC = /\b(function|class|if|for|while|do|switch|try|new|await|yield|let|var|throw)\b|=>/g;

const PLATFORM_PACKAGE = /^@ralloc\//;

function floorOf(file) {
  return FLOORS.find(({ is }) => is.test(file.replace(/^lib\//, '')));
}

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
  if (PLATFORM_PACKAGE.test(to)) {
    return file === 'lib/native.js' ? null : `${to}: only lib/native.js loads a platform package`;
  }
  return `${to}: lib/ requires no package`;
}

function aboutFile(file, to, files) {
  const target = targetOf(file, to);
  if (target === 'package.json') return null;
  if (/\.node$/.test(target))
    return file === 'lib/native.js' ? null : `${to}: only lib/native.js loads it`;
  if (!target.startsWith('lib/')) return `${to} leads out of lib/`;
  if (!files.includes(target)) return `${to} is no file (write the extension)`;
  const from = floorOf(file);
  const floor = floorOf(target);
  if (floor.floor > from.floor)
    return `${file} (${from.name}) must not use ${to} (${floor.name}), which is above it`;
  if (floor.floor === from.floor && from.name === 'an adapter')
    return `${to}: an adapter does not use another`;
  return null;
}

function aboutRequire(file, to, files) {
  if (to === null)
    return file === 'lib/native.js' ? null : 'a computed require, which no check can follow';
  return to.startsWith('.') ? aboutFile(file, to, files) : aboutPackage(file, to);
}

function each(pattern, code, what) {
  return [...code.matchAll(pattern)].map((match) => ({
    line: lineOf(code, match.index),
    what: what(match[0]),
  }));
}

function checkFile(root, file, files, graph) {
  const source = readFile(root, file);
  const code = maskSource(source, JAVASCRIPT);
  const requires = requiresOf(source, code);
  const local = requires
    .filter(({ to }) => to?.startsWith('.'))
    .map(({ to }) => targetOf(file, to));
  graph.set(
    file,
    local.filter((target) => files.includes(target)),
  );
  const findings = requires.map(({ to, line }) => ({ line, what: aboutRequire(file, to, files) }));
  if (!file.startsWith('lib/cli/'))
    findings.push(...each(PRINTS, code, (text) => `${text} prints; only lib/cli does`));
  if (/^lib\/index\.m?js$/.test(file)) {
    findings.push(
      ...each(LOGIC, code, (text) => `"${text}": the table of contents only requires and exports`),
    );
  }
  return findings.filter(({ what }) => what).map((finding) => ({ file, ...finding }));
}

/** @returns {{ file: string, line: number, what: string }[]} */
function checkJavaScript(root) {
  const files = listFiles(root).filter((file) => /^lib\/.*\.(js|mjs|cjs)$/.test(file));
  const graph = new Map();
  const findings = files.flatMap((file) => checkFile(root, file, files, graph));
  for (const cycle of cyclesOf(graph)) {
    findings.push({
      file: cycle[0],
      line: 1,
      what: `a cycle: ${[...cycle, cycle[0]].join(' → ')}`,
    });
  }
  return findings;
}

module.exports = { checkJavaScript };
