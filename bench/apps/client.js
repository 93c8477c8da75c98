// The client of an application, as a process of its own: node client.js APP. The server behind proxies is in it too, so that the measured
// processes do nothing but pass its answers on.

const { once } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const { answerLoads } = require('../../demo/phases.js');
const { APPLICATIONS } = require('./applications.js');

const { ask, behind, load = 'http.js' } = APPLICATIONS[process.argv[2]];
const exchanges = ask?.();
const connect = require(path.join(__dirname, 'loads', load));

answerLoads((port, onDone) => connect(port, onDone, exchanges), {
  /** Answers the port of the server behind the application, or null where there is none. */
  async upstream() {
    if (!behind) return null;
    const answers = new Map(exchanges.map((exchange) => [exchange.path, exchange.answer]));
    const server = http.createServer((req, res) => {
      const answer = answers.get(req.url);
      res.setHeader('content-length', answer.length);
      res.end(answer);
    });
    server.keepAliveTimeout = 0; // connections rest while the other variants have their turn
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  },
});
