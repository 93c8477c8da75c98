'use strict';

// Lines for a child process that does not read as fast as they come.

const { spawn } = require('node:child_process');
const http = require('node:http');

const child = spawn(process.execPath, ['-e', 'setTimeout(() => process.stdin.resume(), 3e5)'], {
  stdio: ['pipe', 'inherit', 'inherit'],
});
process.on('SIGTERM', () => {
  child.kill();
  process.exit();
});

const server = http.createServer((_req, res) => {
  child.stdin.write(Buffer.alloc(2 ** 20, 97));
  res.end('written');
});
require('./listen.js')(server);
