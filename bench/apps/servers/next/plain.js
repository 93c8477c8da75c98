const http = require('node:http');

/** As `next start`: the application that was built in `dir`. */
module.exports = async (dir) => {
  const next = require(require.resolve('next', { paths: [dir] }));
  const app = next({ dev: false, dir });
  await app.prepare();
  return http.createServer(app.getRequestHandler());
};
