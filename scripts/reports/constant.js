'use strict';

// Rows of an export, each ended by a new Buffer of the same bytes.

const http = require('node:http');

const server = http.createServer((_req, res) => {
  res.setHeader('content-type', 'text/csv');
  for (let i = 0; i < 500; i++) {
    res.write(String(i));
    res.write(Buffer.from(';"not known";"not known";"not known";"not known";"not known"\r\n'));
  }
  res.end();
});
require('./listen.js')(server);
