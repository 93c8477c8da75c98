'use strict';

// Plans the changes that a table asks for in the sources of an application: edits of its files, and notes about the other sites.

const path = require('node:path');
const { fileKey } = require('../../../lib/base/file-key.js');
const { isOutside, packageOf } = require('../../../lib/auto/packages.js');
const { isProved } = require('../../../lib/auto/proofs.js');
const { nameIn } = require('../../../lib/site/table-file.js');
const { reasonOf } = require('../../../lib/auto/source/parse.js');
const { locateSites } = require('../../../lib/auto/source/sites.js');
const { sortSites } = require('./source.js');
const { Text } = require('../../../lib/auto/source/text.js');

class Plan {
  /** Lines of text: what changes, what you may change by hand, what stays, and why a file cannot be changed. */
  changes = [];
  suggestions = [];
  left = [];
  faults = [];
  /** How many sites an earlier run changed. */
  applied = 0;
  /** `{ name, file, edits }` for each file that changes; `file` is a Text. */
  files = [];
  #acorn;
  #table;
  #options;

  constructor(acorn, table, options) {
    this.#acorn = acorn;
    this.#table = table;
    this.#options = options;
  }

  make() {
    for (const one of this.#table.files) this.#add(one);
    if (this.changes.length > 0) {
      this.suggestions.push(
        'perRequest takes the arena of current(), which needs requestArena({ context: true }). Without it these Buffers are what they were',
      );
    }
    this.files.sort((a, b) => (a.name < b.name ? -1 : 1));
    return this;
  }

  /** The reason that a file may not be changed; undefined if it may. */
  #whyNotOwn(name) {
    const { root, packages } = this.#options;
    const owner = packageOf(path.resolve(root, name));
    if (owner !== undefined && !packages.includes(owner)) {
      return `of the package ${owner}. To change it: --package ${owner}`;
    }
    return isOutside(name) ? `outside of ${root}. Run ralloc where the application is` : undefined;
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
    const why = this.#whyNotOwn(name);
    if (why !== undefined) {
      this.left.push(`${name}: left: ${all.length} site${all.length === 1 ? '' : 's'} ${why}`);
      return;
    }
    // Relative to the folder where the command runs.
    let sites = all.map((site) => ({ ...site, file: name }));
    try {
      const text = Text.read(path.resolve(root, name));
      const { found, applied, lost } = locateSites(sites, text, sha256);
      this.applied += applied.length;
      for (const site of lost) this.#lose(site);
      sites = found;
      if (found.length > 0) this.#change(name, text, found);
    } catch (error) {
      this.#refuse(name, sites, error);
    }
  }

  #change(name, file, sites) {
    const { edits, ...told } = sortSites(this.#acorn, file, sites, this.#options);
    for (const [kind, lines] of Object.entries(told)) this[kind].push(...lines);
    if (edits.length > 0) this.files.push({ name, file, edits });
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
}

module.exports = { Plan };
