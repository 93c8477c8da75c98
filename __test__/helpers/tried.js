'use strict';

// Applications with a table, that run with `ralloc/auto` or by `ralloc compare --table`.

const fs = require('node:fs');
const path = require('node:path');
const { run } = require('./child.js');
const { folder } = require('./folder.js');
const { linkPackage } = require('./link-package.js');
const { PROVED, plan } = require('./planned.js');
const { ralloc } = require('./profile.js');

const root = path.join(__dirname, '..', '..');

/** serve(handler, n, options): a server whose requests have arenas, and n requests to it, one after another. */
const SERVE = `'use strict';

const { once } = require('node:events');
const http = require('node:http');
const { requestArena } = require('ralloc');

/** Whether a Buffer of 64 KiB is a part of more. */
exports.isPart = (buffer) => buffer.buffer.byteLength > 65536;

exports.serve = async (handler, requests = 1, options = undefined) => {
  const arenas = requestArena(options);
  const server = http.createServer((req, res) => arenas(req, res, () => handler(req, res)));
  await once(server.listen({ port: 0, exclusive: true }), 'listening'); // its own, in a cluster too
  const answers = [];
  for (let n = 0; n < requests; n++) {
    const request = http.get({ port: server.address().port, path: '/' + n, agent: false });
    const [response] = await once(request, 'response');
    answers.push(Buffer.concat(await response.toArray()));
    if (!response.closed) await once(response, 'close');
  }
  server.close();
  await once(server, 'close');
  return answers;
};
`;

/** A line that is proved: of rows.js, unless `file` is another. */
const ROWS = { file: 'rows.js', call: 'Buffer.allocUnsafe(', name: 'rows', ...PROVED };
const ROWS_TEXT = 'exports.rows = (n) => Buffer.allocUnsafe(n);\n';

/** Asks for its Buffers in a request and outside of one: `{ inside, outside }`, whether they are of arenas. */
const APP = `'use strict';

const { isPart, serve } = require('./serve.js');
const { rows } = require('./rows.js');

let inside;
exports.done = serve((req, res) => {
  inside = req.arena.owns(rows(65536));
  res.end();
}).then(() => console.log(JSON.stringify({ inside, outside: isPart(rows(65536)) })));
`;

/** The same of the rows of several files, which it loads by `froms`: `{ file: { inside, outside } }`. As a module, it imports them. */
function appOf(froms, isModule = false) {
  const load = ([_file, from], i) =>
    isModule
      ? `import { rows as rows${i} } from '${from}';`
      : `const { rows: rows${i} } = require('${from}');`;
  const all = Object.entries(froms);
  return `${isModule ? "import serving from './serve.js';" : "const serving = require('./serve.js');"}
${all.map(load).join('\n')}

const { isPart, serve } = serving;
const all = { ${all.map(([file], i) => `'${file}': rows${i}`).join(', ')} };
const seen = {};
serve((req, res) => {
  for (const file in all) seen[file] = { inside: req.arena.owns(all[file](65536)) };
  res.end();
}).then(() => {
  for (const file in all) seen[file].outside = isPart(all[file](65536));
  console.log(JSON.stringify(seen));
});
`;
}

/** `{ dir, file(name), auto(options), trial(…args) }` of an application of `files` with a table of `sites`; `copy`: its ralloc. */
function tried(t, { files, sites = [ROWS], table = 'ralloc.table.json', copy = root } = {}) {
  const dir = fs.realpathSync(folder(t));
  const all = { 'serve.js': SERVE, 'app.js': APP, 'rows.js': ROWS_TEXT, ...files };
  plan(dir, all, sites, table);
  linkPackage(dir, 'ralloc', copy);
  const file = (name) => path.join(dir, name);
  return {
    dir,
    file,
    plain: (main = 'app.js', options = {}) => run('', { path: file(main), cwd: dir, ...options }),
    auto: (main = 'app.js', { execArgv = [], ...options } = {}) =>
      run('', {
        path: file(main),
        cwd: dir,
        ...options,
        execArgv: ['--import', 'ralloc/auto', ...execArgv],
      }),
    trial: (args = [], command = [process.execPath, 'app.js'], options = {}) =>
      ralloc(['compare', '--table', ...args, '--', ...command], { cwd: dir, ...options }),
    /** Changes what the table says of its sites. */
    edit(change) {
      const name = file(table);
      const json = JSON.parse(fs.readFileSync(name, 'utf8'));
      change(json);
      fs.writeFileSync(name, JSON.stringify(json));
    },
  };
}

/** The lines about a table, without what begins each. */
const told = (stderr) =>
  stderr
    .split('\n')
    .filter((line) => line.startsWith('ralloc: trial: '))
    .map((line) => line.slice('ralloc: trial: '.length));

module.exports = { APP, ROWS, ROWS_TEXT, SERVE, appOf, told, tried };
