'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const isWindows = process.platform === 'win32';

/**
 * Removes it also where streams that were destroyed are still about to open their files: the thread pool may make one in the middle of this. On
 * Windows a binary stays that this process has loaded.
 */
function removeFolder(dir) {
  for (;;) {
    try {
      return fs.rmSync(dir, { recursive: true, force: true });
    } catch (error) {
      if (isWindows && error.code === 'EPERM') return;
      if (error.code !== 'ENOTEMPTY') throw error;
    }
  }
}

const newFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));

/** A folder of its own for a test. */
function folder(t) {
  const dir = newFolder();
  t.teardown(() => removeFolder(dir));
  return dir;
}

/** Where net listens for this machine alone: a socket in the folder, or a pipe of Windows, which lies in none, with the folder's name. */
function socketPath(dir) {
  if (isWindows) return `\\\\.\\pipe\\${path.basename(dir)}`;
  return path.join(dir, 'socket');
}

module.exports = { folder, newFolder, removeFolder, socketPath };
