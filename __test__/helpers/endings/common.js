'use strict';

// What the endings of requests share.

const { Client } = require('../client.js');
const { until } = require('../until.js');
const { RAW } = require('../adapters.js');

const SIZE = 20_000;
const LARGE = 16 * 1024 * 1024; // more than the sockets' buffers take
const BINARY = { 'Content-Type': 'application/octet-stream' };

const stamped = ({ arena, keep, id }, size = SIZE) => keep(arena.allocUnsafe(size).fill(id + 1));
const isStamped = (body, id) => body.length === SIZE && body.every((byte) => byte === id + 1);

async function echo({ arena, req, keep }) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return keep(arena.concat(parts));
}

const pending = (exchange) => {
  stamped(exchange);
  exchange.waiting.push(exchange);
  return RAW;
};

async function getStamped(t, { port }, count = 1, options = {}) {
  const client = await Client.connect(port);
  for (let id = 0; id < count; id++) {
    t.true(isStamped((await client.get(`/${id}`, options)).body, id));
  }
  return client;
}

/** Sends `paths` and goes away once their handlers are at work. */
async function leave(server, paths) {
  const client = await Client.connect(server.port);
  for (const path of paths) client.send(path);
  await until(() => server.waiting.length > 0);
  await client.reset();
}

module.exports = { BINARY, LARGE, echo, getStamped, isStamped, leave, pending, stamped };
