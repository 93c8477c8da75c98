'use strict';

// The table of endings. Each row is what a handler gives and what a client does, and is run on every adapter:
//
//   handler(exchange)        gives what adapters.js says; `exchange` has arena, req, res, the request's id, keep(buffer)
//   visit(t, server)         the client's part
//   finished, aborted        how many requests end in which way; none reach the handler where neither is said
//   either                   how many end in one of the two ways, which differs from one version of Node to another
//   attached                 the Buffers are not detached, for something may still read them: they keep their bytes
//   ends                     what the arena ends with: `close` of the response (default), `finish` of one without a socket, or
//                            the `socket` where some of the responses may not close
//   closes                   the server or its arenas take no other request afterwards
//   options, settings        of requestArena(), and properties of the server
//   not                      the adapters that it cannot apply to, and why

const { answered } = require('./answered.js');
const { bodies } = require('./bodies.js');
const { columns } = require('./common.js');
const { cutOff } = require('./cut-off.js');
const { byHandler } = require('./by-handler.js');
const { byServer } = require('./by-server.js');

const endings = { ...answered, ...bodies, ...cutOff, ...byHandler, ...byServer };

/** Every cell of the table: { ending, adapter, why }, where `why` says that it cannot apply. */
const cells = Object.entries(endings).flatMap(([ending, { not = {} }]) =>
  columns.map((adapter) => ({ ending, adapter, why: not[adapter] })),
);

const TENTH = { 20: 0, 22: 3, 24: 9, 26: 6 };
/** Of Node's own servers; with TLS, by which only the end of a connection differs, those that the client makes. */
const ofNode = ({ ending, adapter }) =>
  adapter === 'node:http' || adapter === 'http2' || (adapter === 'https' && ending in cutOff);

/**
 * The cells that a run tests: `all`, or those of Node's servers, and of the others each tenth,
 * another on each version.
 */
function chosen(major, all) {
  const apply = cells.filter(({ why }) => why === undefined);
  if (all) return apply;
  const others = apply.filter((cell) => !ofNode(cell));
  return [...apply.filter(ofNode), ...others.filter((_, i) => i % 10 === (TENTH[major] ?? 8))];
}

module.exports = { endings, cells, chosen };
