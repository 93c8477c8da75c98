'use strict';

// A package in node_modules of an application that a test writes.

const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const targetOf = (target, kind) =>
  typeof target === 'object' ? targetOf(target[kind] ?? target.default, kind) : target;

/** The exports of a package: in the place of a pattern, what it stands for, by the files that are there. */
function* exportsOf(to) {
  const { exports = { '.': '.' } } = require(path.join(to, 'package.json'));
  for (const [name, target] of Object.entries(exports)) {
    if (!name.includes('*')) {
      yield [name, (kind) => targetOf(target, kind)];
      continue;
    }
    const [before, after] = targetOf(target, 'require').split('*');
    for (const found of fs.readdirSync(path.join(to, before), { recursive: true })) {
      if (!found.endsWith(after)) continue;
      const one = found.slice(0, -after.length).replaceAll(path.sep, '/');
      const put = (text) => text?.replace('*', one);
      yield [put(name), (kind) => put(targetOf(target, kind))];
    }
  }
}

/** A package of modules that load those of the other one, which may be loaded by `exports`. */
function standIn(to, at) {
  const exports = {};
  fs.mkdirSync(at);
  const write = (ending, text) => {
    const name = `${fs.readdirSync(at).length}${ending}`;
    fs.writeFileSync(path.join(at, name), text);
    return `./${name}`;
  };
  for (const [name, target] of exportsOf(to)) {
    const module = path.join(to, target('require'));
    const ways = { default: write('.js', `module.exports = require(${JSON.stringify(module)});`) };
    const [, ending] = /(\.mjs)$/.exec(target('import')) ?? [];
    if (ending !== undefined) {
      const from = `from '${pathToFileURL(path.join(to, target('import')))}';`;
      ways.import = write(
        ending,
        `import * as all ${from}\nexport * ${from}\nexport default all.default;`,
      );
    }
    exports[name] = { import: ways.import ?? ways.default, default: ways.default };
  }
  fs.writeFileSync(path.join(at, 'package.json'), JSON.stringify({ exports }));
}

/** Makes `name` in node_modules of `dir` the package in `to`: by a link, and on Wine, which has no junctions, by a stand-in. */
function linkPackage(dir, name, to) {
  const at = path.join(dir, 'node_modules', name);
  fs.mkdirSync(path.dirname(at), { recursive: true });
  try {
    fs.symlinkSync(to, at, 'junction');
  } catch (error) {
    if (error.code !== 'ENOTSUP') throw error;
    standIn(to, at);
  }
}

module.exports = { linkPackage };
