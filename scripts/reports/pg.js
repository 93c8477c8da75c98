'use strict';

// Rows of a database, which pg makes objects of.

const http = require('node:http');
const { Pool } = require('pg');

const port = Number(process.env.UPSTREAM);
const pool = new Pool({ host: '127.0.0.1', port, user: 'any', database: 'any', max: 8 });
const server = http.createServer(async (_req, res) => {
  const { rows } = await pool.query('select name from things');
  res.end(String(rows.length));
});
require('./listen.js')(server);
