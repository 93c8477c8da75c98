'use strict';

// Streams of files. Node gets copies: of a path, which is opened in a later tick, and of what is
// written to a fs.Utf8Stream (Node 24 and later), which calls nobody back for it. Both are small.

const fs = require('node:fs');
const { copied } = require('./operation.js');
const { wrap } = require('../../base/wrap.js');

const makeOpen = (open) =>
  function (path, options) {
    return open.call(this, copied(path, 'fs'), options);
  };

const makeWrite = (write) =>
  function (data, ...rest) {
    return write.call(this, copied(data, 'fs'), ...rest);
  };

/** Wraps the getter that loads the class, and guards the class when it is first read. */
const makeUtf8Stream = (get) => {
  let isGuarded = false;
  return function () {
    const Utf8Stream = get.call(this);
    if (!isGuarded) {
      isGuarded = true;
      wrap(Utf8Stream?.prototype, 'write', makeWrite);
    }
    return Utf8Stream;
  };
};

function guardFileStreams() {
  for (const name of ['createReadStream', 'createWriteStream']) wrap(fs, name, makeOpen);
  wrap(fs, 'Utf8Stream', makeUtf8Stream, 'get');
}

module.exports = { guardFileStreams };
