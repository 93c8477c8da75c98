'use strict';

// Packages with a binary for some platforms alone: undefined where none was installed, or it does not load. For glibc all have one.

const { libcOfProcess } = require('../../lib/memory/binary-file.js');

function addon(name) {
  try {
    return require(name);
  } catch (error) {
    if (libcOfProcess() === 'glibc') throw error;
    return undefined;
  }
}

module.exports = {
  sharp: addon('sharp'),
  snappy: addon('snappy'),
  sodium: addon('sodium-native'),
};
