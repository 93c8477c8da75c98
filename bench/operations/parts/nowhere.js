'use strict';

// Requests as Node's parser makes them, over sockets that go nowhere: no system call is in what is
// measured.

const { IncomingMessage, ServerResponse } = require('node:http');
const net = require('node:net');
const { turn } = require('../../method/compare.js');

const SOCKETS = 32; // requests in a turn of the loop
const PER_SOCKET = 50; // one after another, as keep-alive makes them

class Nowhere extends net.Socket {
  _read() {}
  _write(_chunk, _encoding, done) {
    done();
  }
  _writev(_chunks, done) {
    done();
  }
}

function onFinish() {
  this.detachSocket(this.socket);
  process.nextTick(emitClose, this);
}

const emitClose = (res) => res.emit('close');

/** A request, and its response, which ends in the order of events that node:http keeps. */
function exchangeOn(socket, method = 'GET', headers = { host: 'localhost' }) {
  const req = new IncomingMessage(socket);
  req.method = method;
  req.url = '/';
  req.httpVersionMajor = 1;
  req.httpVersionMinor = 1;
  req.headers = headers;
  const res = new ServerResponse(req);
  res.assignSocket(socket);
  res.on('finish', onFinish);
  return { req, res };
}

/** A rival that calls serve(socket) for each request. */
function overSockets(serve) {
  return async (n) => {
    let sockets = [];
    let served = PER_SOCKET;
    for (let i = 0; i < n; i += SOCKETS) {
      if (served++ === PER_SOCKET) {
        for (const socket of sockets) socket.destroy();
        sockets = Array.from({ length: SOCKETS }, () => new Nowhere());
        served = 0;
      }
      for (const socket of sockets) serve(socket);
      await turn();
    }
  };
}

module.exports = { exchangeOn, overSockets };
