'use strict';

const http = require('node:http');
const express = require('express');
const { requestArena } = require('../../lib/express.js');
const { forwarder, isAnswer } = require('./forward.js');
const { readers } = require('./gather.js');

const leasing = (lease) => (req, res, next) => {
  req.arena = lease(res);
  next();
};

module.exports = (lease, handlers) => {
  const arenas = lease === null ? requestArena() : leasing(lease);
  const forward = forwarder(lease);
  const app = express();
  app.use(arenas);
  for (const [name, handle] of Object.entries(handlers)) {
    app.all(`/${name}/:id{/:form}`, async (req, res) => {
      const { arena, params } = req;
      const [id, whole] = [Number(params.id), params.form === 'whole'];
      const given = await handle(arena, { id, whole, ...readers(req, arena) });
      if (isAnswer(given)) await forward(given, res);
      else res.end(given);
    });
  }
  app.use((err, _req, res, _next) => {
    res.statusCode = 500;
    res.end(err.stack);
  });
  return { server: http.createServer(app), stats: arenas.stats };
};
