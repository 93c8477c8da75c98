'use strict';

const process = require('node:process');

const IS_WINDOWS = process.platform === 'win32';

/**
 * The key of a file: the same for all spellings of its name. On Windows `c:/App/a.js` is
 * `C:\app\A.js`.
 */
const fileKey = (name, isWindows = IS_WINDOWS) =>
  isWindows ? name.replaceAll('/', '\\').toLowerCase() : name;

module.exports = { fileKey };
