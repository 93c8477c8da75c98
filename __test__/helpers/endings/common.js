'use strict';

// What the endings of requests share.

const { adapters, servers, RAW } = require('../adapters.js');
const { sameBytes } = require('../bytes.js');
const { until } = require('../until.js');

const SIZE = 20_000;
const LARGE = 8 * 1024 * 1024; // more than the sockets' buffers take, and half of what a request may have
const BINARY = { 'Content-Type': 'application/octet-stream' };

const columns = [...adapters, ...servers];

/** `not` of an ending: where it cannot apply, and why. */
const exceptOn = (names, why) => Object.fromEntries(names.map((name) => [name, why]));
const onlyOn = (names, why) =>
  exceptOn(
    columns.filter((name) => !names.includes(name)),
    why,
  );
const http1Only = (why) => exceptOn(['http2'], why);

const stamped = ({ arena, keep, id }, size = SIZE) => keep(arena.allocUnsafe(size).fill(id + 1));
const sameStamp = (t, body, id) => sameBytes(t, body, Buffer.alloc(SIZE, id + 1));

async function read(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return parts;
}

const echo = async ({ arena, req, keep }) => keep(arena.concat(await read(req)));

/** Has its memory, and is among those at work. */
function atWork(exchange) {
  stamped(exchange);
  exchange.waiting.push(exchange);
}

const pending = (exchange) => {
  atWork(exchange);
  return RAW;
};

/** At work until its body has come. */
const echoAtWork = async (exchange) => {
  atWork(exchange);
  return echo(exchange);
};

/** A handler that has its memory and does `what`, and answers nothing itself. */
const does = (what) => (exchange) => {
  stamped(exchange);
  what(exchange);
  return RAW;
};

async function getStamped(t, server, count = 1, options = {}) {
  const client = await server.connect();
  for (let id = 0; id < count; id++) {
    sameStamp(t, (await client.get(`/${id}`, options)).body, id);
  }
  return client;
}

/** Sends `paths`; resolves to the client once so many handlers are at work. */
async function ask({ connect, waiting }, paths = ['/0'], options = {}) {
  const client = await connect();
  for (const path of paths) client.send(path, options);
  await until(() => waiting.length === paths.length);
  return client;
}

/** Sends `paths` and goes away once their handlers are at work. */
async function leave(server, paths, options) {
  await (await ask(server, paths, options)).reset();
}

/** Asks, and sees the connection or the stream end without an answer. */
async function getNothing(t, server, path = '/0') {
  const client = await server.connect();
  client.send(path);
  t.is((await client.rest()).length, 0);
}

module.exports = {
  BINARY,
  LARGE,
  SIZE,
  ask,
  columns,
  does,
  echo,
  echoAtWork,
  exceptOn,
  getNothing,
  getStamped,
  http1Only,
  sameStamp,
  leave,
  onlyOn,
  pending,
  read,
  stamped,
};
