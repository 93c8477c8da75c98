'use strict';

// A cell of the table of endings on a server that is behind admission().

const { serveOn } = require('../adapters.js');
const { until } = require('../until.js');
const { endings } = require('./index.js');

/** Serves it with the options `admitted`, and visits it until all is over. None may be refused. Returns how many requests it had. */
async function visitAdmitted(t, { ending, adapter }, admitted) {
  const row = endings[ending];
  const waiting = [];
  const kept = [];
  const keep = (buffer) => {
    kept.push(buffer);
    return buffer;
  };
  const answer = ({ arena, req, res }) => {
    const id = Number(req.url.split('/').at(-1));
    const exchange = { arena, req, res, id, keep, kept, waiting };
    return row.handler({ ...exchange, current: () => server.arenas.current() });
  };
  const server = await serveOn(t, adapter, answer, row.options, row.settings, admitted);
  await row.visit(t, { ...server, waiting });
  const { admit, arenas } = server;
  await until(() => arenas.stats().inFlight === 0 && admit.stats().open === 0);
  t.deepEqual(admit.stats().refused, { 413: 0, 429: 0, 503: 0 });
  return arenas.stats().requests;
}

module.exports = { visitAdmitted };
