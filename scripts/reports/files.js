'use strict';

// Files that are read whole, many at once.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');

const file = path.join(__dirname, 'a-file-of-20-mb');
fs.writeFileSync(file, Buffer.alloc(20e6, 97));

const server = http.createServer(async (_req, res) => {
  const data = await fs.promises.readFile(file);
  res.end(data);
});
require('./listen.js')(server);
