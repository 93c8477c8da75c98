'use strict';

// The stale-byte proof, as a process of its own: node stale.js. A handler keeps a Buffer of its
// request past the response (the bug that every pool has to fear); then another user's request
// comes. What does the kept Buffer show? Real servers, real requests over loopback.

const http = require('node:http');
const allocators = require('./allocators.js');
const { answerCalls } = require('./child.js');

function application(middleware) {
  let kept = null;
  const app = require('express')();
  app.use(middleware);
  app.post('/note', (req, res) => {
    const note = req.arena.allocUnsafe(Number(req.headers['content-length']));
    let length = 0;
    req.on('data', (chunk) => (length += chunk.copy(note, length)));
    req.on('end', () => {
      kept ??= note; // the bug: it outlives the response
      res.end('noted');
    });
  });
  app.get('/kept', (_req, res) => res.json({ length: kept.length, shows: kept.toString() }));
  return app;
}

async function showKept(allocator) {
  const server = http.createServer(application(allocators[allocator]()));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const post = async (body) => {
    const response = await fetch(`${origin}/note`, { method: 'POST', body });
    await response.text();
    await new Promise((resolve) => setImmediate(resolve)); // the response has closed by then
  };
  try {
    await post('anna: my PIN is 1111');
    await post('bert: my PIN is 2222');
    return await (await fetch(`${origin}/kept`)).json();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

answerCalls({ showKept: ({ allocator }) => showKept(allocator) });
