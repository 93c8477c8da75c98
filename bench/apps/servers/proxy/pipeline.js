const http = require('node:http');
const { pipeline } = require('node:stream/promises');

module.exports = (port) => {
  const agent = new http.Agent({ keepAlive: true });
  return http.createServer((req, res) => {
    const { url: path, method, headers } = req;
    const request = http.request({ port, host: '127.0.0.1', agent, path, method, headers });
    request.on('response', (response) => {
      res.writeHead(response.statusCode, response.headers);
      pipeline(response, res).catch(() => res.destroy());
    });
    pipeline(req, request).catch(() => res.destroy());
  });
};
