'use strict';

// What the middleware costs a request whose handler never touches `req.arena`.
//
// "stubs": an EventEmitter for each response, over sockets that are not connected, 32 requests in a turn of the loop. Of the three
// this shows the middleware best, for almost nothing else is in it.
// "objects": Node's own IncomingMessage and ServerResponse over sockets that go nowhere, 50 requests to a
// socket one after another, as keep-alive makes them, each answered, finished and closed.
// "server": two real servers over loopback that take turns; CPU time of the server's process per request,
// from process.cpuUsage. Caveat: a request costs tens of microseconds there and the noise is larger
// than the middleware; this scenario shows only that nothing unexpected is added.

const { fork } = require('node:child_process');
const { EventEmitter } = require('node:events');
const { IncomingMessage, ServerResponse } = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { Pool } = require('undici');
const { requestArena } = require('..');
const { compare, compareSamples, quick, turn } = require('./harness.js');

const SOCKETS = 32;
const PER_SOCKET = 50;
const SLICES = 16;
const REQUESTS = quick ? 500 : 4000;
const CONNECTIONS = 20;

const KINDS = [
  'http',
  'http + ralloc',
  'express',
  'express + an empty middleware',
  'express + ralloc',
];

class Nowhere extends net.Socket {
  _read() {}
  _write(_chunk, _encoding, done) {
    done();
  }
  _writev(_chunks, done) {
    done();
  }
}

class Response extends EventEmitter {
  writableFinished = true;
  closed = false;
  destroyed = false;
}

function stubsWith(middleware, touch = false) {
  const next = (req) => {
    if (touch) req.arena.allocUnsafe(1024);
  };
  const sockets = Array.from({ length: SOCKETS }, () => new net.Socket());
  const responses = [];
  return async (n) => {
    for (let i = 0; i < n; i += SOCKETS) {
      for (const socket of sockets) {
        const req = { httpVersionMajor: 1, socket };
        const res = new Response();
        if (middleware !== null) middleware(req, res, () => next(req));
        responses.push(res);
      }
      for (const res of responses.splice(0)) res.emit('close');
      await turn();
    }
  };
}

function onFinish() {
  this.detachSocket(this.socket);
  process.nextTick(emitClose, this);
}

const emitClose = (res) => res.emit('close');

/** One request and its whole response, in the order of events that node:http keeps. */
function serve(socket, middleware, touch) {
  const req = new IncomingMessage(socket);
  req.method = 'GET';
  req.url = '/';
  const res = new ServerResponse(req);
  res.assignSocket(socket);
  res.on('finish', onFinish);
  if (middleware === null) {
    res.end('ok');
    return;
  }
  middleware(req, res, () => {
    if (touch) req.arena.allocUnsafe(1024);
    res.end('ok');
  });
}

function requestsWith(middleware, touch = false) {
  return async (n) => {
    let sockets = [];
    let served = PER_SOCKET;
    for (let i = 0; i < n; i += SOCKETS) {
      if (served++ === PER_SOCKET) {
        for (const socket of sockets) socket.destroy();
        sockets = Array.from({ length: SOCKETS }, () => new Nowhere());
        served = 0;
      }
      for (const socket of sockets) serve(socket, middleware, touch);
      await turn();
    }
  };
}

/** @param {typeof stubsWith} requests */
function withAndWithout(requests) {
  const without = 'without';
  const untouched = 'with, req.arena untouched';
  const touched = 'with, one allocation of 1 KiB';
  return compare(
    {
      [without]: requests(null),
      [untouched]: requests(requestArena()),
      [touched]: requests(requestArena(), true),
    },
    {
      'the middleware alone (difference)': (round) => round[untouched] - round[without],
      'with its one allocation (difference)': (round) => round[touched] - round[without],
    },
  );
}

async function startServer(kind) {
  const child = fork(path.join(__dirname, 'fixtures', 'server.js'), [kind]);
  const port = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1 });
  const cpu = () =>
    new Promise((resolve) => {
      child.once('message', resolve);
      child.send('cpu');
    });
  return { child, pool, cpu };
}

async function load(pool, count) {
  let left = count;
  const one = async () => {
    while (left-- > 0) {
      const { body } = await pool.request({ path: '/', method: 'GET' });
      await body.dump();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
}

function cpuPerRequest({ pool, cpu }) {
  return async () => {
    const before = await cpu();
    await load(pool, REQUESTS);
    return ((await cpu()) - before) / REQUESTS;
  };
}

async function server() {
  const servers = [];
  const samplers = {};
  for (const kind of KINDS) {
    const one = await startServer(kind);
    await load(one.pool, REQUESTS * 2);
    servers.push(one);
    samplers[kind] = cpuPerRequest(one);
  }
  try {
    return await compareSamples(samplers, 'us', SLICES);
  } finally {
    for (const { child, pool } of servers) {
      await pool.destroy();
      child.kill();
    }
  }
}

module.exports = {
  notMeasured: 'latency, and handlers that use the arena (see the demo); TLS; HTTP/2',
  scenarios: {
    stubs: () => withAndWithout(stubsWith),
    objects: () => withAndWithout(requestsWith),
    server,
  },
};
