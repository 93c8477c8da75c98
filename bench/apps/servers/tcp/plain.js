const net = require('node:net');
const { pipeline } = require('node:stream/promises');

module.exports = (port) =>
  net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const options = { port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true };
    const upstream = net.connect(options);
    pipeline(socket, upstream).catch(() => upstream.destroy());
    pipeline(upstream, socket).catch(() => socket.destroy());
  });
