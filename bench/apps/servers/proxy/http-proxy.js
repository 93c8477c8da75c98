const http = require('node:http');
const { createProxyServer } = require('http-proxy');

module.exports = (port) => {
  const agent = new http.Agent({ keepAlive: true });
  const proxy = createProxyServer({ target: `http://127.0.0.1:${port}`, agent });
  return http.createServer((req, res) => {
    proxy.web(req, res, () => res.destroy());
  });
};
