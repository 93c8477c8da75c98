'use strict';

// What `require('ralloc')` and a mount add to a start, and to an Express server: at rest, during
// its first 2,000 requests of JSON, which do not use their arena, 4.5 s later, and during the next
// 4,000. A fresh process for each sample, in turns.
//
// Caveats: the files are in the page cache after the first round; a cold disk is slower. The client
// is in the server's process. `plain` loads Express alone, and `mounted` ralloc after it, as
// README's program does: the first figure is the CPU of loading and mounting them. Whoever is first
// loads what both need of Node: in the other order ralloc takes half again as long, and Express
// less.

const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');
const { compareSamples, quick } = require('../method/compare.js');

const SAMPLES = 8; // of each
const [FIRST, NEXT, REST_MS] = quick ? [20, 20, 10] : [2000, 4000, 4500];

/** An application with a route that answers 4 KiB of JSON. */
function create(isMounted) {
  const app = require('express')();
  if (isMounted) app.use(require('../..').requestArena());
  const row = (id) => ({ id, name: `row ${id}`, isOpen: true, sum: id * 7 });
  const rows = Array.from({ length: 64 }, (_, id) => row(id));
  return app.get('/', (_req, res) => res.json(rows));
}

async function ask({ port }, requests) {
  const agent = new http.Agent({ keepAlive: true });
  for (let i = 0; i < requests; i++) {
    const [res] = await once(http.get({ port, host: '127.0.0.1', agent }), 'response');
    await once(res.resume(), 'end');
  }
  agent.destroy();
}

/** What the process of a sample does: prints its fields. */
async function live(isMounted) {
  const told = {};
  let before = process.cpuUsage();
  const spent = (name) => {
    const { user, system } = process.cpuUsage(before);
    told[name] = (user + system) / 1000;
    before = process.cpuUsage();
  };
  const app = create(isMounted);
  spent('loadMs');
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  told.restRss = process.memoryUsage.rss();
  before = process.cpuUsage();
  await ask(server.address(), FIRST);
  spent('firstMs');
  told.firstRss = process.memoryUsage.rss();
  await sleep(REST_MS); // longer than a server rests before what the C library keeps is given back
  told.laterRss = process.memoryUsage.rss();
  before = process.cpuUsage();
  await ask(server.address(), NEXT);
  spent('nextMs');
  console.log(JSON.stringify(told));
  process.exit();
}

function sample(name) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [__filename, name], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`a server that is ${name} failed: ${stderr}`);
  return JSON.parse(stdout);
}

module.exports = {
  isApart: true,
  notMeasured: 'a cold page cache; the first allocation after the require',
  scenarios: {
    'an Express server': () =>
      compareSamples({ plain: () => sample('plain'), mounted: () => sample('mounted') }, SAMPLES),
  },
};

if (require.main === module) live(process.argv[2] === 'mounted');
