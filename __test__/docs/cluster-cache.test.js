'use strict';
// tier: tools

// The program of docs/guide/cluster.md whose workers share a cache, as it stands.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { Slab } = require('../..');
const { testWhere } = require('../helpers/backend.js');
const { freePort } = require('../helpers/free-port.js');
const { canInherit } = require('../helpers/slab-kinds.js');
const { freshName } = require('../helpers/slab-process.js');
const { packageFolder, programs } = require('../helpers/snippets.js');
const { turns } = require('../helpers/until.js');

const MOST = 100; // entries, as in the program

testWhere(
  canInherit,
  'slabs that processes share, and signals',
  'workers answer with what one of them has made, until it is the longest unused, and after a worker was killed; a signal ends all of it',
  async (t) => {
    const file = path.join(packageFolder(t), 'cluster.js');
    const { code } = programs('docs/guide/cluster.md').find(
      ({ heading }) => heading === 'A cache that workers share',
    );
    fs.writeFileSync(file, code);
    const port = await freePort();
    const env = { ...process.env, PORT: port, CACHE: freshName(t) };
    const child = fork(file, { env, stdio: ['ignore', 'inherit', 'ignore', 'ipc'] }); // a worker may start when it ends
    t.teardown(() => child.kill('SIGKILL'));

    /** Asks until a worker answers: one that is starting or was killed does not. */
    async function get(key) {
      for (;;) {
        const response = await fetch(`http://127.0.0.1:${port}${key}`).catch(() => null);
        if (response !== null) return [response.headers.get('x-cache'), await response.text()];
        await turns(10);
      }
    }
    /** What its maker sends to the primary may come after the next question of another worker. */
    async function untilHit(key) {
      for (;;) {
        const [cache, text] = await get(key);
        if (cache === 'hit') return text;
      }
    }

    t.is((await get('/first'))[0], 'miss');
    t.regex(await untilHit('/first'), /^\/first, made by \d+$/);
    for (let n = 0; n < MOST; n++) await untilHit(`/${n}`);
    t.is((await get('/first'))[0], 'miss', 'it made room');

    const text = await untilHit(`/${MOST - 1}`);
    process.kill(Number(/\d+$/.exec(text)[0]), 'SIGKILL');
    for (let n = 0; n < 10; n++) t.deepEqual(await get(`/${MOST - 1}`), ['hit', text]);
    child.kill('SIGTERM');
    t.deepEqual(await once(child, 'exit'), [0, null]);
    t.false(Slab.list().some(({ name }) => name === env.CACHE));
  },
);
