'use strict';

// Makes a server's process warm, quickly. V8 compiles a function for the last time after its calls have been
// counted: what Node and Express run once for each request is compiled after some 10,600 requests on Node 24 and
// 16,700 on Node 26, all of it at once, which costs some 150 ms of CPU; requests cost a third less from then on.
// A slice with that in it is like no other, and a service is past it within its first minute. Requests to an
// empty handler, many in one packet, get there with a third of the CPU that those of a mix take.

const net = require('node:net');

const PIPELINED = 50;
const CONNECTIONS = 4;
const REQUEST = 'GET /empty/1 HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** Sends so many requests over one connection, in batches, and waits for all answers. */
async function pipeline(port, requests) {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
  let left = requests;
  let answer = 0; // bytes of one, and all are as long as the first
  let due = 0;
  socket.write(REQUEST);
  for await (const { length } of socket) {
    if (answer === 0) answer = length;
    else due -= length;
    if (due > 0) continue;
    if (left <= 0) return; // which destroys the socket
    socket.write(REQUEST.repeat(PIPELINED));
    due = answer * PIPELINED;
    left -= PIPELINED;
  }
  throw new Error('The server ended a connection of the warm-up');
}

module.exports = (port, requests) =>
  Promise.all(Array.from({ length: CONNECTIONS }, () => pipeline(port, requests / CONNECTIONS)));
