'use strict';

const http = require('node:http');
const { requestArena } = require('../../lib/http.js');
const { forwarder, isAnswer } = require('./forward.js');
const { readers } = require('./gather.js');

const leasing = (lease) => ({
  wrap: (handler) => (req, res) => {
    req.arena = lease(res);
    return handler(req, res);
  },
});

module.exports = (lease, handlers) => {
  const arenas = lease === null ? requestArena() : leasing(lease);
  const forward = forwarder(lease);
  const listener = arenas.wrap(async (req, res) => {
    const { arena } = req;
    const [, name, id, form] = req.url.split('/');
    try {
      const asked = { id: Number(id), whole: form === 'whole', ...readers(req, arena) };
      const given = await handlers[name](arena, asked);
      if (isAnswer(given)) await forward(given, res);
      else res.end(given);
    } catch (err) {
      res.statusCode = 500;
      res.end(err.stack);
    }
  });
  return { server: http.createServer(listener), stats: arenas.stats };
};
