'use strict';

// Requests without a server, as far as a middleware knows them: what happens to them, and in which order, is
// up to the test.

const { EventEmitter } = require('node:events');
const { Socket } = require('node:net');
const { setImmediate: turn } = require('node:timers/promises');

class Exchange {
  req = Object.assign(new EventEmitter(), { method: 'GET', url: '/' });
  res = Object.assign(new EventEmitter(), { end() {} });

  /** `carrier` is the socket, or the stream of HTTP/2. */
  constructor(carrier = new Socket(), httpVersionMajor = 1) {
    this.carrier = carrier;
    this.req.httpVersionMajor = httpVersionMajor;
    if (httpVersionMajor >= 2) this.req.stream = carrier;
    else this.req.socket = carrier;
    this.res.writableFinished = false;
  }

  /** Runs a middleware, and gives the request's arena after its first use. */
  begin(middleware) {
    const arena = this.enter(middleware);
    arena?.alloc(0);
    return arena;
  }

  /** Runs a middleware, and gives the request's arena, which nobody has used. */
  enter(middleware) {
    let error;
    middleware(this.req, this.res, (given) => {
      error = given;
    });
    if (error !== undefined) throw error;
    return this.req.arena;
  }

  /** The response was sent to its end. */
  async finish() {
    this.res.writableFinished = true;
    await this.close();
  }

  /** The response is closed, as it stands. */
  async close() {
    this.res.emit('close');
    await turn();
  }
}

/** A request, and a way to take it to a route with options. */
function beginRouted(arenas) {
  const exchange = new Exchange();
  const arena = exchange.begin(arenas);
  /** The error that the middleware of the route passes on. */
  const toRoute = (middleware) => {
    let error;
    middleware(exchange.req, exchange.res, (given) => {
      error = given;
    });
    return error;
  };
  return { exchange, arena, toRoute };
}

/** A carrier closes; its responses do not tell. */
async function closeCarrier(carrier) {
  carrier.emit('close');
  await turn();
  await turn();
}

module.exports = { Exchange, beginRouted, closeCarrier };
