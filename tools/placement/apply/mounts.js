'use strict';

// Finds the files of an application that mention requestArena().

const fs = require('node:fs');
const path = require('node:path');

const CODE = /(?<!\.d)\.[cm]?[jt]sx?$/i;
/** Folders and files that do not run in production. */
const OTHER = /^(node_modules|__tests?__|tests?|spec|coverage|\..*)$|\.(test|spec)\.[^.]+$/i;
const MOST_BYTES = 1 << 20;
const MOST_FILES = 20_000;

/** The source files below a folder, breadth first: at most MOST_FILES, and no links, which may form cycles. */
function* codeIn(root) {
  const folders = [root];
  let count = 0;
  for (const folder of folders) {
    let entries;
    try {
      entries = fs.readdirSync(folder, { withFileTypes: true });
    } catch {
      continue;
    }
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (OTHER.test(entry.name)) continue;
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) folders.push(file);
      if (!entry.isFile() || !CODE.test(entry.name)) continue;
      if (++count > MOST_FILES) return;
      yield file;
    }
  }
}

function mayMount(file) {
  try {
    if (fs.statSync(file).size > MOST_BYTES) return false;
    const text = fs.readFileSync(file, 'latin1');
    return (
      text.includes('ralloc/fastify') || (text.includes('requestArena') && text.includes('ralloc'))
    );
  } catch {
    return false;
  }
}

const filesThatMount = (root) => [...codeIn(root)].filter(mayMount);

module.exports = { filesThatMount };
