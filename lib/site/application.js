'use strict';

// Finds the application that a table is for: its name is that of the nearest package.json that has one.

const fs = require('node:fs');
const path = require('node:path');

function nameOf(file) {
  try {
    const { name } = JSON.parse(fs.readFileSync(file, 'utf8'));
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined; // there is none, or it is not for us to say what is wrong with it
  }
}

/** `{ name, root }` of the application that `folder` is of, root: its own folder; undefined where nothing says it. */
function placeOf(folder) {
  const name = nameOf(path.join(folder, 'package.json'));
  if (name !== undefined) return { name, root: folder };
  const parent = path.dirname(folder);
  return parent === folder ? undefined : placeOf(parent);
}

/** The name of the application that `folder` is of; undefined where nothing says it. */
const applicationOf = (folder) => placeOf(folder)?.name;

/** Its own folder; `folder` where nothing says it. */
const rootOf = (folder) => placeOf(folder)?.root ?? folder;

module.exports = { applicationOf, rootOf };
