'use strict';

// A Map of rendered pages that nothing is ever taken from.

const http = require('node:http');

const pages = new Map();
const render = (url) => Buffer.alloc(120_000, url);

const server = http.createServer((req, res) => {
  let page = pages.get(req.url);
  if (page === undefined) {
    page = render(req.url);
    pages.set(req.url, page);
  }
  res.end(page);
});
require('./listen.js')(server);
