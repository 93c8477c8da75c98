'use strict';

// The client, as a process of its own: fifty kept-alive connections to each server, and the two
// kinds of load.

const { answerLoads, portOf } = require('../bench/method/load.js');
const Connection = require('./connection.js');
const Expected = require('./expect.js');
const files = require('./files.js');
const upstream = require('./upstream.js');
const warm = require('./warm.js');

const CONNECTIONS = 50;

let expected = null;

const connect = (port, onDone) =>
  Array.from({ length: CONNECTIONS }, () => new Connection(port, expected, onDone));

answerLoads(connect, {
  /** Answers the port of the upstream. */
  async read({ copies }) {
    expected = new Expected(files.load(copies), files.manifest());
    return (await upstream(expected)).address().port;
  },

  async warm({ name, requests }) {
    await warm(portOf(name), requests);
  },
});
