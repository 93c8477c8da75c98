const { requestArena } = require('ralloc/http');
const { runServer } = require('verdaccio');
const config = require('./config.js');

module.exports = async (storage) => {
  const server = await runServer(config(storage));
  const [app] = server.listeners('request');
  server.off('request', app);
  return server.on('request', requestArena().wrap(app));
};
