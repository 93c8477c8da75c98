const http = require('node:http');
const { Pool, types } = require('pg');
const { requestArena } = require('ralloc/http');

const inArena = (arena) => ({
  getTypeParser: (type, format) =>
    type === types.builtins.BYTEA
      ? (text) => arena.from(text.slice(2), 'hex')
      : types.getTypeParser(type, format),
});

module.exports = (host) => {
  const pool = new Pool({ host, user: 'postgres', database: 'postgres' });
  return http.createServer(
    requestArena().wrap(async (req, res) => {
      const { rows } = await pool.query({
        text: 'SELECT data FROM files WHERE path = $1',
        values: [req.url],
        types: inArena(req.arena),
      });
      res.end(rows[0].data);
    }),
  );
};
