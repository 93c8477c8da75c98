const http = require('node:http');
const digests = require('./digests.js');

module.exports = (port) =>
  http.createServer(async (req, res) => {
    const [, method] = req.url.split('/');
    const response = await fetch(`http://127.0.0.1:${port}${req.url}`);
    const body = await response[method]();
    res.end(`${digests[method](body)}`);
  });
