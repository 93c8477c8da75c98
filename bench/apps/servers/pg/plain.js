const http = require('node:http');
const { Pool } = require('pg');

module.exports = (host) => {
  const pool = new Pool({ host, user: 'postgres', database: 'postgres' });
  return http.createServer(async (req, res) => {
    const { rows } = await pool.query({
      text: 'SELECT data FROM files WHERE path = $1',
      values: [req.url],
    });
    res.end(rows[0].data);
  });
};
