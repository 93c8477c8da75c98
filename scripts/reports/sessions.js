'use strict';

// Sessions that are objects, and are never dropped.

const http = require('node:http');

const sessions = new Map();

const server = http.createServer((_req, res) => {
  const session = { visits: Array.from({ length: 4000 }, (_, at) => ({ at, from: `page ${at}` })) };
  sessions.set(sessions.size, session);
  res.end('ok');
});
require('./listen.js')(server);
