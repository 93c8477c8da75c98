// The client of an application, as a process of its own: node client.js APP. A server that the
// application asks can be in it too, so that the measured processes do nothing but their own work.

const { once } = require('node:events');
const path = require('node:path');
const { answerLoads } = require('../method/load.js');
const { APPLICATIONS } = require('./applications.js');

const { ask, behind, connections, isSecure, load = 'http.js' } = APPLICATIONS[process.argv[2]];
const exchanges = ask?.();
const connect = require(path.join(__dirname, 'loads', load));

answerLoads((port, onDone) => connect(port, onDone, { exchanges, connections, isSecure }), {
  /** Answers the port of the server behind the application, or null where there is none. */
  async upstream() {
    if (behind === undefined) return null;
    const server = require(path.join(__dirname, 'behind', behind))(exchanges);
    server.keepAliveTimeout = 0; // connections rest while the other variants have their turn
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  },
});
