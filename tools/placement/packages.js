'use strict';

// Tells which package a file is of, and whether it lies in a folder.

const path = require('node:path');

/**
 * The package in node_modules that a file belongs to; undefined for the application's own files.
 */
function packageOf(file) {
  const parts = file.split(/[\\/]/);
  const at = parts.lastIndexOf('node_modules');
  if (at === -1) return undefined;
  return parts.slice(at + 1, at + (parts[at + 1]?.startsWith('@') ? 3 : 2)).join('/');
}

/** Whether a relative file name leads out of its folder. */
const isOutside = (name) => name.startsWith('../') || name === '..' || path.isAbsolute(name);

module.exports = { isOutside, packageOf };
