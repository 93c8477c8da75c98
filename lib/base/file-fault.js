'use strict';

// Why the system refuses a file, in words.

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

module.exports = { fileFault };
