'use strict';
// tier: tools

// `ralloc trial --load`: a server in fresh processes, as it is and changed in turn, under a load that is a command.

const test = require('ava');
const fs = require('node:fs');
const { posixTest } = require('../../helpers/backend.js');
const { told, tried } = require('../../helpers/tried.js');

/** A server that says where it is, and of what its answers are, by files. */
const SERVER = `'use strict';

const fs = require('node:fs');
const http = require('node:http');
const { requestArena } = require('ralloc');
const { rows } = require('./rows.js');

const arenas = requestArena();
const server = http.createServer((req, res) =>
  arenas(req, res, () => {
    const buffer = rows(65536);
    fs.appendFileSync('answers', req.arena.owns(buffer) ? 'A' : '-');
    res.end(buffer);
  }),
);
server.listen(0, '127.0.0.1', () => fs.writeFileSync('port', String(server.address().port)));
`;

const LOAD = `'use strict';

const url = 'http://127.0.0.1:' + require('node:fs').readFileSync('port', 'utf8');
const ask = async () => (await fetch(url)).arrayBuffer();
(async () => {
  for (let n = 0; n < 5; n++) await ask();
})();
`;

const FILES = { 'server.js': SERVER, 'load.js': LOAD, 'fails.js': "throw new Error('no load');\n" };
const NODE = `"${process.execPath}"`;
const of = (app, args) => app.trial(args, [process.execPath, 'server.js']);

posixTest(
  'each block is the server as it is and changed, and the second one begins with the other',
  async (t) => {
    const app = tried(t, { files: FILES });
    const { code, stderr } = await of(app, ['--load', `${NODE} load.js`, '--blocks', '2']);
    t.is(code, 0, stderr);
    t.is(fs.readFileSync(app.file('answers'), 'utf8'), '-----AAAAAAAAAA-----');
    const lines = told(stderr);
    t.deepEqual(lines.slice(0, 2), ['block 1 of 2', 'block 2 of 2']);
    t.regex(lines[2], /^CPU\b.*: .+ (?:µs|s) → .+ (?:µs|s)$/);
    t.regex(lines[3], /^peak RSS: .*MiB → [\d.]+ MiB$/);
    t.regex(lines[4], /^major collections\b.*: /);
    t.regex(lines[5], /^1 of 1 site was active: 10 Buffers .* from arenas of requests, 0 outside/);
  },
);

test('a load that fails ends the trial with its words, and the server with it', async (t) => {
  const app = tried(t, { files: FILES });
  const { code, stderr } = await of(app, ['--load', `${NODE} fails.js`]);
  t.is(code, 1);
  t.regex(stderr, /^ralloc: The load ended with exit code 1: .*fails\.js\n[\s\S]*Error: no load/m);
  const port = fs.readFileSync(app.file('port'), 'utf8');
  await t.throwsAsync(fetch(`http://127.0.0.1:${port}`));
});

test('an application that ends before the load is over cannot be measured', async (t) => {
  const app = tried(t, { files: { 'server.js': 'process.exitCode = 7;\n' } });
  const { code, stderr } = await of(app, ['--load', `${NODE} load.js`]);
  t.is(code, 1);
  t.regex(stderr, /The application ended with exit code 7 before the load was over$/m);
});

test('a wrong number of blocks is told before anything starts', async (t) => {
  const app = tried(t);
  const { code, stderr } = await app.trial(['--load', 'x', '--blocks', '1']);
  t.is(code, 2);
  t.regex(stderr, /--blocks must be 2 to 20\. Received "1"/);
});
