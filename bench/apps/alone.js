// A plain server of an application, with what it needs behind it, and its load, as commands for
// `ralloc compare`: node alone.js serve APP, node alone.js load APP PORT [SECONDS].

const { fork } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { APPLICATIONS } = require('./applications.js');
const { SERVICES } = require('./services/index.js');

const [what, name, port, seconds = '8'] = process.argv.slice(2);
const { ask, behind, connections, isSecure, plain, service, load = 'http.js' } = APPLICATIONS[name];

const LONG = 10 * 60 * 1000; // the proxy's connections rest while its memory at rest is measured

/** The server behind, for the process that started this one: tells it the port. */
function listen() {
  const server = require(path.join(__dirname, 'behind', behind))(ask());
  server.keepAliveTimeout = LONG;
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
  process.on('disconnect', () => process.exit());
}

/** The port of a server behind, in a process that is not measured, or what a service has. */
async function upstream() {
  if (service !== undefined) return (await SERVICES[service].start(ask())).upstream;
  if (behind === undefined) return undefined;
  const { NODE_OPTIONS: _, LD_PRELOAD: __, ...env } = process.env;
  const child = fork(__filename, ['behind', name], { env });
  const [told] = await once(child, 'message');
  return told;
}

async function serve() {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit()); // which removes folders
  const created = await require(path.join(__dirname, 'servers', plain))(await upstream());
  if (typeof created !== 'number') created.listen(0, '127.0.0.1');
}

/** A closed loop on each connection; a wrong answer ends it with exit code 1. */
async function put() {
  let id = 0;
  let left = 0;
  const end = performance.now() + 1000 * Number(seconds);
  const onDone = (connection, fault) => {
    if (fault !== null) throw new Error(fault);
    if (performance.now() < end) connection.send(name, id++);
    else if (--left === 0) process.exit(0);
  };
  const connect = require(path.join(__dirname, 'loads', load));
  const all = await connect(port, onDone, { exchanges: ask?.(), connections, isSecure });
  left = all.length;
  for (const connection of all) connection.send(name, id++);
}

({ behind: listen, load: put, serve })[what]();
