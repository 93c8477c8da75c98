'use strict';

// A child that writes what it reads: `cat`, or Node where there is none, which takes twenty times as long to start.

const { spawn } = require('node:child_process');

const ofNode = `const { argv, stdin, stdout } = process;
  (argv[1] ? require('fs').createReadStream(argv[1]) : stdin).pipe(stdout);`;

/** Of a file, or of its own input. */
function cat(file) {
  const files = file === undefined ? [] : [file];
  if (process.platform !== 'win32') return spawn('cat', files);
  return spawn(process.execPath, ['-e', ofNode, ...files]);
}

module.exports = { cat };
