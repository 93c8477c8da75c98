'use strict';

// The text of a file that ran, as an earlier table of the same recording knows it: the file was changed since, as by the requestArena() that `ralloc apply` asks for. The
// places stay those of the text that ran, from which `apply` and a trial find them by their text.

const fs = require('node:fs');
const { readOwnTable } = require('../../../lib/site/table-file.js');

const placeOf = ({ line, column }) => `${line}:${column}`;

class BakedFile {
  sha256;
  #sites; // by place

  constructor(sha256, sites) {
    this.sha256 = sha256;
    this.#sites = new Map(sites.map((site) => [placeOf(site), site]));
  }

  /** As SourceFile's. */
  callAt(line, column, source) {
    const site = this.#sites.get(placeOf({ line, column }));
    if (site === undefined) return undefined;
    // A place of several sources has the site of one.
    const isThere = site.source === source || !site.callee.includes('.');
    return isThere ? { offset: site.offset, callee: site.callee } : undefined;
  }

  /** As SourceFile's. */
  fingerprintOf(line, column) {
    return this.#sites.get(placeOf({ line, column })).fingerprint;
  }

  /** Whether the call of a site may be changed, by the look at the text that ran. */
  editOf(site) {
    return this.#sites.get(placeOf(site)).edit;
  }
}

/** The table that `file` has so far; undefined where it is none, or another application's. A device may be read for ever. */
function tableIn(file) {
  try {
    return fs.statSync(file).isFile() ? readOwnTable(file) : undefined;
  } catch {
    return undefined;
  }
}

/** File, as a table names it → BakedFile, by the table in `file` if it is of the recording that began at `started`. */
function bakedFiles(file, started) {
  const table = tableIn(file);
  if (table === undefined || table.recorded.started !== started) return new Map();
  const { files, sites } = table;
  return new Map(
    files.map(({ file: name, sha256 }) => [
      name,
      new BakedFile(
        sha256,
        sites.filter((site) => site.file === name),
      ),
    ]),
  );
}

module.exports = { BakedFile, bakedFiles };
