'use strict';

/** Has a server listen, and tells whoever started it where. */
module.exports = (server) => {
  server.keepAliveTimeout = 0; // a machine under load may let a connection rest for longer than the default
  server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`));
};
