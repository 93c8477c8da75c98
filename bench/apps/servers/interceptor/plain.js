const http = require('node:http');
const { crc32 } = require('node:zlib');
const express = require('express');
const { createProxyMiddleware, responseInterceptor } = require('http-proxy-middleware');

module.exports = (port) => {
  const app = express();
  app.use(
    createProxyMiddleware({
      target: `http://127.0.0.1:${port}`,
      agent: new http.Agent({ keepAlive: true }),
      selfHandleResponse: true,
      on: {
        proxyRes: responseInterceptor(async (body, _response, _req, res) => {
          res.setHeader('x-checksum', crc32(body));
          return body;
        }),
      },
    }),
  );
  return app;
};
