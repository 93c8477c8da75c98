const http = require('node:http');
const { crc32 } = require('node:zlib');
const express = require('express');
const { createProxyMiddleware } = require('http-proxy-middleware');
const { requestArena } = require('ralloc');

module.exports = (port) => {
  const app = express();
  app.use(requestArena());
  app.use(
    createProxyMiddleware({
      target: `http://127.0.0.1:${port}`,
      agent: new http.Agent({ keepAlive: true }),
      selfHandleResponse: true,
      on: {
        async proxyRes(response, req, res) {
          const body = await req.arena.collect(response, { limit: 2 * 1024 * 1024 });
          res.writeHead(response.statusCode, { ...response.headers, 'x-checksum': crc32(body) });
          res.end(body);
        },
      },
    }),
  );
  return app;
};
