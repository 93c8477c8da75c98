'use strict';

// The text of a file as it ran, from an earlier table of the same recording, for a file that was changed since, for example by adding the requestArena() that `ralloc apply` asks
// for. The places stay those of the text that ran; `apply` and a trial find them by their text.

const fs = require('node:fs');
const { readOwnTable } = require('../../../lib/site/table-file.js');

const placeOf = ({ line, column }) => `${line}:${column}`;

class BakedFile {
  sha256;
  #sites; // place → site

  constructor(sha256, sites) {
    this.sha256 = sha256;
    this.#sites = new Map(sites.map((site) => [placeOf(site), site]));
  }

  /** As SourceFile's. */
  callAt(line, column, source) {
    const site = this.#sites.get(placeOf({ line, column }));
    if (site === undefined) return undefined;
    // A place with several sources has the site of one of them.
    const isThere = site.source === source || !site.callee.includes('.');
    return isThere ? { offset: site.offset, callee: site.callee } : undefined;
  }

  /** As SourceFile's. */
  fingerprintOf(line, column) {
    return this.#sites.get(placeOf({ line, column })).fingerprint;
  }

  /** Whether the call of a site may be changed, as decided by the text that ran. */
  editOf(site) {
    return this.#sites.get(placeOf(site)).edit;
  }
}

/** The table in `file`; undefined if there is none, or if it belongs to another application. Only regular files are read: a device may have no end. */
function tableIn(file) {
  try {
    return fs.statSync(file).isFile() ? readOwnTable(file) : undefined;
  } catch {
    return undefined;
  }
}

/** Maps the name of a file to its BakedFile, from the table in `file` if it is from the recording that began at `started`. */
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
