'use strict';

// Finds the application that a table is for: its name is that of the nearest package.json that has
// one.

const fs = require('node:fs');
const path = require('node:path');

function nameOf(file) {
  try {
    const { name } = JSON.parse(fs.readFileSync(file, 'utf8'));
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined; // there is none, or it is invalid, which is not ralloc's to report
  }
}

/**
 * `{ name, root }` of the application that contains `folder` (`root` is its own folder); undefined
 * if no package.json has a name.
 */
function placeOf(folder) {
  const name = nameOf(path.join(folder, 'package.json'));
  if (name !== undefined) return { name, root: folder };
  const parent = path.dirname(folder);
  return parent === folder ? undefined : placeOf(parent);
}

/** The name of the application that contains `folder`; undefined if no package.json has a name. */
const applicationOf = (folder) => placeOf(folder)?.name;

/** The application's own folder; `folder` itself if no package.json has a name. */
const rootOf = (folder) => placeOf(folder)?.root ?? folder;

module.exports = { applicationOf, rootOf };
