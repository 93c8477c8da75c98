'use strict';
// tier: tools

require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { createHash } = require('node:crypto');
const { on, once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { prepare } = require('../../bench/rows/prepare.js');
const { RowsService } = require('../../examples/rows-service.js');
const { isNative, posixTest } = require('../helpers/backend.js');
const { folder } = require('../helpers/folder.js');
const { needsFolderLinks } = require('../helpers/needs.js');
const { unsound } = require('../helpers/region.js');
const server = require('../helpers/server.js');
const { run } = require('../helpers/serving.js');
const { until } = require('../helpers/until.js');

const program = path.join(__dirname, '..', '..', 'examples', 'rows-service.js');
const KiB = 1024;
const SOCKETS = 4;

async function ask(port, name, options) {
  const { status, headers, body } = await server.ask(port, name, options);
  return { status, session: headers['x-session'], report: headers['x-report'], body };
}

/** Asks for all of them over a few connections, at once; what was answered, by their order. */
async function askAll(port, names, of) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: SOCKETS });
  const answers = await Promise.all(
    names.map(async (name) => of(await ask(port, name, { agent }))),
  );
  agent.destroy();
  return answers;
}

async function serve(t, options) {
  const service = new RowsService(options);
  const { port } = await service.listen();
  t.teardown(() => service.close());
  return { service, port };
}

async function plain(t, pageBytes) {
  const dirs = prepare(fs.realpathSync(folder(t)), pageBytes);
  const { createApp } = require(path.join(dirs.plain, 'app.js'));
  const server = createApp({ pageBytes }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  return server.address().port;
}

needsFolderLinks('it answers what the service with Buffers answers', async (t) => {
  const pageBytes = 96 * KiB;
  const names = Array.from({ length: 400 }, (_, i) =>
    i % 4 === 0 ? `/reports/${(i * 7) % 900}` : `/users/user-${i % 40}/rows/${i}`,
  );
  const digestOf = ({ body, ...rest }) => ({
    ...rest,
    body: createHash('sha256').update(body).digest('hex'),
  });
  const expected = await askAll(await plain(t, pageBytes), names, digestOf);
  const { service, port } = await serve(t, { pageBytes });
  t.deepEqual(await askAll(port, names, digestOf), expected);
  t.true(expected.every(({ status }) => status === 200));

  await until(() => service.stats().arenas.inFlight === 0);
  const { arenas, region } = service.stats();
  t.like(arenas, { requests: names.length, heapRequests: 0 });
  t.true(arenas.memory.peak >= pageBytes, 'pages were in the arenas');
  t.is(arenas.memory.leased, 0);
  t.true(region.held > 200 && region.used < region.limit);
  t.deepEqual(unsound(region), []);
});

test('reports that are let go while they are sent are whole, and the region keeps no others', async (t) => {
  const { service, port } = await serve(t, { reports: 2, sessions: 3 });
  const names = Array.from({ length: 300 }, (_, i) => `/reports/${(i * 31) % 100}`);
  const answers = await askAll(port, names, ({ body }) => body.toString());
  for (const [i, html] of answers.entries()) {
    t.true(html.startsWith(`<h1>Page ${(i * 31) % 100}</h1>`) && html.endsWith('</ul>\n'));
    t.is(html.split('<li>').length, 49);
  }
  const users = Array.from({ length: 200 }, (_, i) => `/users/user-${i % 7}/rows/${i}`);
  await askAll(port, users, ({ session }) => t.true(session.startsWith('{"user":"user-')));
  await until(() => service.stats().region.inFlight === 0);
  t.is(service.stats().region.held, 2 + 3);
});

test('what is free goes back when nobody asks for anything, and it says so', async (t) => {
  const { service, port } = await serve(t);
  const trims = on(service, 'trim');
  await askAll(
    port,
    Array.from({ length: 200 }, (_, i) => `/users/user-${i % 50}/rows/${i}`),
    ({ status }) => t.is(status, 200),
  );
  const before = service.stats();
  t.true(before.region.committed > 4e6 && before.arenas.memory.peak > 0);
  t.is((await ask(port, '/reports', { method: 'DELETE' })).status, 204);
  for (let i = 0; i < 50; i++) await ask(port, `/users/user-${i}`, { method: 'DELETE' });
  t.is(service.stats().region.used, 0);

  const given = { region: 0, arenas: 0 };
  for await (const [{ region, arenas }] of trims) {
    given.region += region;
    given.arenas += arenas;
    const { region: now, arenas: of } = service.stats();
    if (now.reserved === 0 && (!isNative || of.memory.committed === 0)) break;
  }
  t.true(given.region > 4e6, `${given.region}`);
  if (isNative) t.true(given.arenas >= 256 * KiB, `${given.arenas}`);

  const { body } = await ask(port, '/stats');
  const { trimmed, region } = JSON.parse(body);
  t.true(trimmed.times > 0 && trimmed.last.after.region <= trimmed.last.before.region);
  t.is(region.used, 0);
  t.is((await ask(port, '/users/ann/rows/5')).status, 200);
});

posixTest('it is a program that ends when it is told to, and tells wrong usage', async (t) => {
  const { code, stdout, stderr } = await run(
    t,
    program,
    ['--port', '0', '--page', '64'],
    async (port, child) => {
      t.is((await ask(port, '/users/ann/rows/5')).body.length, 64 * KiB);
      child.kill('SIGTERM');
    },
  );
  t.is(code, 0, stderr);
  t.regex(stdout, /1 requests; \d+\.\d MB went back/);
  const wrong = await run(t, program, ['--page', '0']);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /usage: /);
});
