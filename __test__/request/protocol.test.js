'use strict';
// tier: run-time, differs

// Two copies of ralloc in one process that speak different versions of what copies share (lib/base/protocol.js):
// they do not see each other, and neither is in the other's way.

const test = require('ava');
const fs = require('node:fs');
const path = require('node:path');
const { Client } = require('../helpers/client.js');
const { copyOfPackage, builtBinary } = require('../helpers/copy-of-package.js');
const { serve, assertSettled } = require('../helpers/server.js');
const { until } = require('../helpers/until.js');
const ralloc = require('../../lib/index.js');
const protocol = require('../../lib/base/protocol.js');

const file = 'lib/base/protocol.js';

/** A copy of this package, of a later version of every protocol. */
function laterCopy(t) {
  const source = fs.readFileSync(path.join(__dirname, '..', '..', file), 'utf8');
  const files = { [file]: source.replace(/(Symbol\.for\('[^']+\.)\d+'\)/g, "$199')") };
  if (builtBinary !== undefined) files[path.basename(builtBinary)] = fs.readFileSync(builtBinary);
  const folder = copyOfPackage(t, files);
  const later = Object.values(require(path.join(folder, file)));
  const shared = Object.values(protocol);
  t.is(later.length, shared.length);
  t.false(later.some((symbol) => shared.includes(symbol)));
  return require(path.join(folder, 'lib', 'index.js'));
}

test('every symbol that copies share is registered, with a version in its name', (t) => {
  const symbols = Object.values(protocol);
  for (const symbol of symbols) t.regex(Symbol.keyFor(symbol), /^ralloc(\.\w+)+\.\d+$/);
  t.is(new Set(symbols).size, symbols.length);
});

test('copies of different protocols give a request an arena each, and release both', async (t) => {
  const other = laterCopy(t);
  t.is(other.backend, ralloc.backend);
  require('node:stream/web'); // else the first memory loads it: for the other copy, in the midst of a handler
  const mine = ralloc.requestArena();
  const theirs = other.requestArena({ property: 'memory' });
  const buffers = [];
  const waiting = [];
  const handler = (req, res) => {
    t.true(req.arena instanceof ralloc.Arena);
    t.true(req.memory instanceof other.Arena);
    buffers.push(req.arena.from('mine'), req.memory.from('theirs'));
    if (req.url === '/wait') waiting.push(res);
    else res.end(Buffer.concat(buffers.slice(-2)));
  };
  const server = await serve(t, 'express 5', handler, { before: [mine], arenas: theirs });
  const client = await Client.connect(server.port);
  for (let i = 0; i < 5; i++) {
    t.is((await client.get('/')).body.toString(), 'minetheirs');
  }
  for (const arenas of [mine, theirs]) {
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().finished, 5);
  }
  t.true(buffers.every(({ length }) => length === 0));

  // Pipelined behind one that is pending: only the listeners of the socket hear of the end.
  for (let i = 0; i < 3; i++) client.send('/wait');
  await until(() => waiting.length === 3);
  await client.reset();
  for (const arenas of [mine, theirs]) {
    await until(() => arenas.stats().inFlight === 0);
    t.is(arenas.stats().aborted, 3);
    assertSettled(t, arenas);
  }
});

test('copies of different protocols that want the same property: the second one says so', async (t) => {
  const other = laterCopy(t);
  const mine = ralloc.requestArena();
  const theirs = other.requestArena();
  const errors = [];
  const said = (req, res, next) =>
    theirs(req, res, (error) => {
      errors.push(error);
      next();
    });
  const handler = (req, res) => res.end(req.arena.from('mine'));
  const server = await serve(t, 'node:http', handler, { before: [mine], arenas: said });
  const client = await Client.connect(server.port);
  t.is((await client.get('/')).body.toString(), 'mine');
  t.is(errors.length, 1);
  t.true(errors[0] instanceof TypeError);
  t.is(errors[0].code, 'ERR_RALLOC_INVALID_ARGUMENT');
  t.regex(errors[0].message, /"arena" of the request is taken/);
  await until(() => mine.stats().inFlight === 0);
  t.is(theirs.stats().requests, 0);
  assertSettled(t, mine);
});

test("an error of a copy of another protocol is told by its code, and is no instance of this one's", (t) => {
  const other = laterCopy(t);
  const error = t.throws(() => new other.Arena({ maxBytes: 4096 }).alloc(8192));
  t.true(error instanceof other.RallocError);
  t.false(error instanceof ralloc.RallocError);
  t.is(error.code, 'ERR_RALLOC_LIMIT');
});
