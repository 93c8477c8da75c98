'use strict';

// Whose table it is: the application's name is that of the nearest package.json that has one.

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

/** The name of the application that `folder` is of; undefined where nothing says it. */
function applicationOf(folder) {
  const name = nameOf(path.join(folder, 'package.json'));
  const parent = path.dirname(folder);
  return name !== undefined || parent === folder ? name : applicationOf(parent);
}

module.exports = { applicationOf };
