'use strict';

// A client of middleware.js over real sockets, in a process of its own, so that the server's
// process has only the server's CPU.

const { answerLoads } = require('../../method/load.js');
const connect = require('../../apps/loads/http.js');

const exchanges = [{ answer: Buffer.from('ok') }];

answerLoads((port, onDone) => connect(port, onDone, { exchanges, connections: 20 }), {});
