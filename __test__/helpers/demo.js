'use strict';

// The demo as people start it, in a process of its own.

const fs = require('node:fs');
const path = require('node:path');
const { run } = require('./child.js');
const { folder } = require('./folder.js');
const { cleanEnv, npm } = require('./package/npm.js');
const { Registry } = require('./package/registry.js');

const PROGRAM = path.join(__dirname, '..', '..', 'demo', 'run.js');

/** Runs it to its end: { code, signal, stdout, stderr }. */
const runDemo = (args, options) => run('demo', { ...options, args, path: PROGRAM });

const BINARY = process.platform === 'win32' ? 'node.exe' : 'node'; // which Windows does not start: it is a script

/** A registry on loopback with one package, a Node.js, which is the one that runs the test. */
async function nodeRegistry(t, name, version) {
  const dir = folder(t);
  fs.mkdirSync(path.join(dir, 'bin'));
  const program = `#!/bin/sh\nexec '${process.execPath}' "$@"\n`;
  fs.writeFileSync(path.join(dir, 'bin', BINARY), program, { mode: 0o755 });
  fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify({ name, version }));
  const env = cleanEnv(dir);
  const [{ filename }] = JSON.parse(await npm(['pack', '--json'], { cwd: dir, env }));
  const registry = await new Registry().listen();
  t.teardown(() => registry.close());
  registry.add({ name, version }, fs.readFileSync(path.join(dir, filename)));
  return registry;
}

/** Tags of an SVG, each closed in its turn, with nothing but escaped text between. */
function isWellFormed(svg) {
  const open = [];
  const rest = svg.replace(
    /<(\/?)(\w+)((?: [\w:-]+="[^"<>&]*")*)(\/?)>/g,
    (_, end, name, __, empty) => {
      if (end === '/' && open.pop() !== name) open.push('wrong');
      if (end === '' && empty === '') open.push(name);
      return '';
    },
  );
  return open.length === 0 && !/[<>]|&(?!#\d+;)/.test(rest);
}

/** Arguments of a run that is as short as it can be. */
const BRIEF = ['--node', 'self', '--blocks', '2', '--seconds', '0.05'];

module.exports = { runDemo, nodeRegistry, temporary: folder, isWellFormed, PROGRAM, BRIEF };
