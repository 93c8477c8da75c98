'use strict';

// Plans the changes that a table asks for in the sources of an application: edits of its files, and notes about the other sites.

const fs = require('node:fs');
const path = require('node:path');
const { fileKey } = require('../../../lib/base/file-key.js');
const { isOutside, packageOf } = require('../../../lib/auto/packages.js');
const { isProved } = require('../../../lib/auto/proofs.js');
const { nameIn } = require('../../../lib/site/table-file.js');
const { mountsIn } = require('./mounts.js');
const { parse, reasonOf } = require('../../../lib/auto/source/parse.js');
const { locateSites } = require('../../../lib/auto/source/sites.js');
const { Source } = require('./source.js');
const { Text, edited } = require('../../../lib/auto/source/text.js');

class Plan {
  /** Lines of text: what changes, what you may change by hand, what stays, and why a file cannot be changed. */
  changes = [];
  suggestions = [];
  left = [];
  faults = [];
  /** How many sites an earlier run changed. */
  applied = 0;
  #texts = new Map(); // name → Text, or the reason that there is none
  #sources = new Map(); // name → Source, or the reason that there is none
  #acorn;
  #table;
  #options;

  constructor(acorn, table, options) {
    this.#acorn = acorn;
    this.#table = table;
    this.#options = options;
  }

  /** `{ name, file, edits }` for each file that changes; `file` is a Text. */
  get files() {
    return [...this.#sources]
      .filter(([, source]) => source instanceof Source && source.edits.length > 0)
      .map(([name, { file, edits }]) => ({ name, file, edits }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #text(name) {
    return once(this.#texts, name, () => Text.read(path.resolve(this.#options.root, name)));
  }

  #source(name) {
    return once(this.#sources, name, () => {
      const text = this.#text(name);
      if (!(text instanceof Text)) throw text;
      return new Source(this.#acorn, text);
    });
  }

  make() {
    for (const one of this.#table.files) this.#add(one);
    if (this.changes.length > 0) this.#turnOn();
    for (const one of this.files) this.#check(one);
    return this;
  }

  /** Checks that the result is a valid program too, in case something was overlooked. */
  #check({ name, file, edits }) {
    try {
      parse(this.#acorn, { file: file.file, text: edited(file.text, edits) });
    } catch (error) {
      this.faults.push(
        `${name}: what it would become is wrong, by a fault of ralloc: ${error.message}`,
      );
    }
  }

  /** Whether a file may be changed; notes the reason if not. */
  #isOwn(name, sites) {
    const { root, packages } = this.#options;
    const count = `${sites} site${sites === 1 ? '' : 's'}`;
    const owner = packageOf(path.resolve(root, name));
    if (owner !== undefined && !packages.includes(owner)) {
      this.left.push(
        `${name}: left: ${count} of the package ${owner}. To change it: --package ${owner}`,
      );
      return false;
    }
    if (!isOutside(name)) return true;
    this.left.push(
      `${name}: left: ${count} outside of ${root}. Run ralloc where the application is`,
    );
    return false;
  }

  #isWanted(name) {
    const { files } = this.#options;
    return files.length === 0 || files.some((file) => fileKey(file) === fileKey(name));
  }

  #add({ file, sha256 }) {
    const { folder, root } = this.#options;
    const name = nameIn(root, path.resolve(folder, file));
    const all = this.#table.sites.filter((one) => one.file === file && one.strategy !== 'leave');
    if (all.length === 0 || !this.#isWanted(name)) return;
    if (!this.#isOwn(name, all.length)) return;
    // Relative to the folder where the command runs.
    const sites = all.map((site) => ({ ...site, file: name }));
    const text = this.#text(name);
    if (!(text instanceof Text)) return this.#refuse(name, sites, text);
    const real = nameIn(fs.realpathSync(root), text.file);
    if (!this.#isOwn(real, all.length)) return;
    const { found, applied, lost } = locateSites(sites, text, sha256);
    this.applied += applied.length;
    for (const site of lost) this.#lose(site);
    if (found.length === 0) return;
    const source = this.#source(name);
    if (!(source instanceof Source)) return this.#refuse(name, found, source);
    source.add(found, this.#options);
    for (const told of ['changes', 'suggestions', 'left']) this[told].push(...source[told]);
  }

  #lose({ file, line, column, function: name, ...site }) {
    const where = `${file}:${line}:${column} ${name}`;
    const told = `${where}: the line is not there any more, or more than once. Record and bake again`;
    if (isProved(site)) this.faults.push(told);
    else this.left.push(told);
  }

  #refuse(name, sites, error) {
    const { why, isFault } = reasonOf(error);
    if (isFault && sites.some(isProved)) {
      this.faults.push(`${name}: ${why}`);
      return;
    }
    this.left.push(`${name}: left: ${why}`);
    if (isFault) return;
    for (const site of sites.filter(({ strategy }) => strategy === 'request')) {
      const { line, column, function: of, callee } = site;
      const method = callee.slice(callee.lastIndexOf('.'));
      this.suggestions.push(`${name}:${line}:${column} ${of}: perRequest${method}()`);
    }
  }

  /** Turns on the option `context`, which current() needs. */
  #turnOn() {
    const { root } = this.#options;
    const { isMounted, off } = mountsIn(root);
    if (!isMounted) {
      this.suggestions.push(
        'No requestArena() was found. Until requests have arenas, current() is undefined: app.use(requestArena({ context: true }))',
      );
    }
    for (const { file, line, edit } of off) {
      const name = nameIn(root, file);
      const isChanged = edit !== undefined && off.length === 1 && this.#isWanted(name);
      const source = isChanged ? this.#source(name) : undefined;
      if (source instanceof Source) source.edits.push(edit);
      const told = source instanceof Source ? this.changes : this.suggestions;
      told.push(`${name}:${line}: context: true, which current() needs`);
    }
  }
}

/** The result of `make` for a key, computed once; or the error that it threw. */
function once(known, name, make) {
  if (!known.has(name)) {
    let value;
    try {
      value = make();
    } catch (error) {
      value = error;
    }
    known.set(name, value);
  }
  return known.get(name);
}

module.exports = { Plan };
