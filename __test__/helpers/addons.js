'use strict';

// Packages with a binary for some platforms alone: undefined where none was installed, or it does not load.

function addon(name) {
  try {
    return require(name);
  } catch {
    return undefined;
  }
}

module.exports = {
  sharp: addon('sharp'),
  snappy: addon('snappy'),
  sodium: addon('sodium-native'),
};
