'use strict';

const path = require('node:path');

/** A file's path from the current folder, if it is there. */
function shortOf(file) {
  const name = path.relative('.', file);
  return name.startsWith('..') ? file : name;
}

module.exports = { shortOf };
