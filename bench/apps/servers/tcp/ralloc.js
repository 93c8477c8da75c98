const net = require('node:net');
const { pump } = require('ralloc');

module.exports = (port) =>
  net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const options = { port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true };
    const upstream = net.connect(options);
    pump(socket, upstream).catch(() => upstream.destroy());
    pump(upstream, socket).catch(() => socket.destroy());
  });
