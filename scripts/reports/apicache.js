'use strict';

// apicache#186: a cache that puts each answer together by Buffer.concat().

const { once } = require('node:events');
const http = require('node:http');
const apicache = require('apicache');
const express = require('express');

const CHUNK = Buffer.alloc(8192, 97);

const { middleware } = apicache.options({ statusCodes: { include: [200] } });
const app = express();
app.get('/:id', middleware('1 minute'), async (_req, res) => {
  for (let i = 0; i < 512; i++) if (!res.write(CHUNK)) await once(res, 'drain');
  res.end();
});
require('./listen.js')(http.createServer(app));
