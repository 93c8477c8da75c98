'use strict';

// The stale-byte proof, as a process of its own: node stale.js. A handler keeps a Buffer of its
// request past the response (the bug that every pool has to fear); then another user's request
// comes. What does the kept Buffer show? Real servers, real requests over loopback.

const allocators = require('./allocators.js');
const { answerCalls } = require('../bench/method/child.js');
const servers = require('./servers/index.js');

function createHandlers() {
  let kept = null;
  return {
    async note(arena, { body }) {
      const note = arena.concat([await body()]);
      kept ??= note; // the bug: it outlives the response
      return 'noted';
    },
    kept: async () => JSON.stringify({ length: kept.length, shows: kept.toString() }),
  };
}

async function showKept(kind, allocator) {
  const { server } = await servers.create(kind, allocators[allocator](), createHandlers());
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const post = async (text) => {
    const body = Buffer.from(text); // of no type that a framework would parse
    const response = await fetch(`${origin}/note/1`, { method: 'POST', body });
    await response.text();
    await new Promise((resolve) => setImmediate(resolve)); // the response has closed by then
  };
  try {
    await post('anna: my PIN is 1111');
    await post('bert: my PIN is 2222');
    return await (await fetch(`${origin}/kept/1`)).json();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

answerCalls({ showKept: ({ server, allocator }) => showKept(server, allocator) });
