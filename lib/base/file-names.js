'use strict';

// Names of files: the key of a name, and why the system refuses it, in words.

const process = require('node:process');

const IS_WINDOWS = process.platform === 'win32';

/**
 * The key of a file: the same for all spellings of its name. On Windows `c:/App/a.js` is
 * `C:\app\A.js`.
 */
const fileKey = (name, isWindows = IS_WINDOWS) =>
  isWindows ? name.replaceAll('/', '\\').toLowerCase() : name;

const MISSING = 'there is no such file';
const DENIED = 'permission is denied';

const WORDS = {
  ...{ EACCES: DENIED, EPERM: DENIED, EROFS: 'its disk is read-only' },
  ...{ EISDIR: 'it is a folder', ENOTDIR: 'a part of its path is a file' },
  ...{ ELOOP: 'its links lead in a circle', ENAMETOOLONG: 'its name is too long' },
  ...{ EMFILE: 'too many files are open', EBUSY: 'another program uses it' },
};

/** `missing`: the words if it is not there. */
const fileFault = ({ code, message }, missing = MISSING) =>
  code === 'ENOENT' ? missing : (WORDS[code] ?? message);

module.exports = { fileFault, fileKey };
