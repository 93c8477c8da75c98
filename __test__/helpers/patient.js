'use strict';

// Servers that keep what is idle: a machine under load may stop a client for longer than Node waits, and its next request would be refused.

const KEEP_ALIVE_MS = 60_000;

/** The server, which is one of node:http or of anything else. */
function patient(server) {
  if ('keepAliveTimeout' in server) server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

module.exports = { patient };
