'use strict';
// tier: tools

// What Node's bindings allocate: crypto's results, and files on Node 26.

const { serial: test } = require('ava');
const buffer = require('node:buffer');
const crypto = require('node:crypto');
const dgram = require('node:dgram');
const { once } = require('node:events');
const fs = require('node:fs');
const { join } = require('node:path');
const { promisify } = require('node:util');
const { serialize } = require('node:v8');
const { events } = require('../../../tools/recorder/events.js');
const { folder } = require('../../helpers/folder.js');
const { Tally, record } = require('../../helpers/sums.js');
const { Arena, Region, Slab, perRequest, requestArena, site } = require('../../..');
const { copyOfPackage } = require('../../helpers/copy-of-package.js');
const { inRequest, named, withTable } = require('../../helpers/site.js');

function bytesOf(tally, sites) {
  return sites.reduce((sum, { id }) => sum + tally.of(id, events.BORN).bytes, 0);
}

const KEY = Buffer.alloc(16);
const PAIR = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 });
const results = {
  'randomBytes()': () => crypto.randomBytes(1000),
  'digest() of a hash': () => crypto.createHash('sha512').update('x').digest(),
  'digest() of an hmac': () => crypto.createHmac('sha512', 'x').update('x').digest(),
  'update() of a cipher': () => crypto.createCipheriv('aes-128-ctr', KEY, KEY).update(KEY),
  'pbkdf2Sync()': () => crypto.pbkdf2Sync('x', 'salt', 1, 1000, 'sha1'),
  'scryptSync()': () => crypto.scryptSync('x', 'salt', 1000, { N: 2, r: 1, p: 1 }),
  'sign()': () => crypto.sign('sha256', KEY, PAIR.privateKey),
  'sign() of a Sign': () => crypto.createSign('sha256').update('x').sign(PAIR.privateKey),
  'publicEncrypt()': () => crypto.publicEncrypt(PAIR.publicKey, KEY),
  'hkdfSync()': () => crypto.hkdfSync('sha256', 'x', 'salt', '', 1000), // an ArrayBuffer
};

const callbacks = {
  'randomBytes()': (done) => crypto.randomBytes(20_000, done),
  'pbkdf2()': (done) => crypto.pbkdf2('x', 'salt', 1, 20_000, 'sha1', done),
  'scrypt()': (done) => crypto.scrypt('x', 'salt', 20_000, { N: 2, r: 1, p: 1 }, done),
  'hkdf()': (done) => crypto.hkdf('sha256', 'x', 'salt', '', 8000, done),
};

const others = {
  'Buffer.of': () => Buffer.of(...KEY, ...KEY, ...KEY, ...KEY, ...KEY),
  'Buffer.copyBytesFrom': () => Buffer.copyBytesFrom(new Uint8Array(5000)),
  'buffer.transcode': () => buffer.transcode(Buffer.alloc(3000, 'x'), 'utf8', 'utf16le'),
  'v8.serialize': () => serialize('x'.repeat(3000)),
};

for (const [source, makers] of [
  ['crypto', results],
  [
    'crypto',
    Object.fromEntries(
      Object.entries(callbacks).map(([name, call]) => [`a callback of ${name}`, promisify(call)]),
    ),
  ],
  ...Object.entries(others).map(([name, make]) => [name, { [`${name}()`]: make }]),
]) {
  for (const [name, make] of Object.entries(makers)) {
    test(`what ${name} gives is counted once, and told by its line`, async (t) => {
      const recorder = record(t);
      const { byteLength } = await make();
      const tally = new Tally(recorder.take());
      const sites = tally.at(__filename).filter((site) => site.source === source);
      t.is(sites.length, 1);
      t.is(bytesOf(tally, sites), byteLength);
    });
  }
}

for (const name of ['arrayBuffer', 'bytes']) {
  test(`the copy that ${name}() of a response makes is told by its line`, async (t) => {
    if (Response.prototype[name] === undefined) return t.pass('this Node has none');
    const recorder = record(t);
    const { byteLength } = await new Response(Buffer.alloc(50_000))[name]();
    const tally = new Tally(recorder.take());
    const sites = tally.at(__filename).filter(({ source }) => source === 'fetch');
    t.is(sites.length, 1);
    t.is(byteLength, 50_000);
    t.is(bytesOf(tally, sites), 50_000);
  });
}

test('a body that cannot be read whole rejects as it does without a recorder', async (t) => {
  record(t);
  const response = new Response('read twice');
  await response.text();
  await t.throwsAsync(response.arrayBuffer(), { instanceOf: TypeError });
  await t.throwsAsync(Response.prototype.arrayBuffer.call({}), { instanceOf: TypeError });
});

test('messages of UDP are told', async (t) => {
  const recorder = record(t);
  const socket = dgram.createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  socket.send(Buffer.alloc(3000), socket.address().port, '127.0.0.1');
  const [message] = await once(socket, 'message');
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'udp');
  t.is(bytesOf(tally, sites), message.length);
});

test('texts are nothing, and errors are the usual ones', (t) => {
  const recorder = record(t);
  t.is(crypto.createHash('sha1').digest('hex').length, 40);
  t.throws(() => crypto.randomBytes(-1), { code: 'ERR_OUT_OF_RANGE' });
  const tally = new Tally(recorder.take());
  t.deepEqual(
    tally.sites.filter(({ source }) => source === 'crypto'),
    [],
  );
});

test('what a cipher gives as a stream is told', async (t) => {
  const recorder = record(t);
  const cipher = crypto.createCipheriv('aes-128-ctr', KEY, KEY);
  cipher.end(Buffer.alloc(100_000));
  cipher.resume();
  await once(cipher, 'end');
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source, frames }) => source === 'crypto' && !frames.length);
  t.is(bytesOf(tally, sites), 100_000);
});

for (const size of [1000, 200_000, 512 * 1024, 512 * 1024 + 1]) {
  test(`a file of ${size} bytes is counted once`, async (t) => {
    const file = join(folder(t), 'file');
    fs.writeFileSync(file, Buffer.alloc(size));
    const recorder = record(t);
    const reads = {
      callback: () => promisify(fs.readFile)(file),
      promise: () => fs.promises.readFile(file),
    };
    for (const [name, read] of Object.entries(reads)) {
      t.is((await read()).length, size);
      const tally = new Tally(recorder.take());
      const counted = tally.sites.filter(({ source }) => source !== 'crypto');
      const born = bytesOf(tally, counted);
      t.true(born >= size && born < size * 2, `${name}: ${born}`);
    }
    const failed = await t.throwsAsync(fs.promises.readFile(join(file, 'none')));
    t.is(failed.code, process.platform === 'win32' ? 'ENOENT' : 'ENOTDIR');
    t.is((await fs.promises.readFile(file, 'utf8')).length, size);
  });
}

// ralloc's own arenas, slabs and regions are seen as well, and those of another copy of it.

const namesOf = (tally, { id }) =>
  Object.keys(events).filter((name) => tally.of(id, events[name]).bytes > 0);

test('what an arena gives out is counted, once', (t) => {
  const recorder = record(t);
  const arena = new Arena();
  const source = Buffer.alloc(1000);
  arena.alloc(1000);
  arena.alloc(1000, 'x');
  arena.allocUnsafe(1000);
  arena.from(source);
  arena.concat([source]);
  arena.close();
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'arena');
  t.is(sites.length, 5);
  for (const { id, frames } of sites) {
    t.true(frames.some(({ file }) => file === __filename));
    t.is(tally.of(id, events.BORN).bytes, 1000);
  }
  t.is(tally.sites.filter(({ source }) => source.startsWith('Buffer')).length, 1); // the source
});

test('what perRequest gives is counted once, by the line that asked for it', (t) => {
  const recorder = record(t);
  const make = (size) => [perRequest.allocUnsafe(size), perRequest.alloc(size, 1)];
  make(3000);
  inRequest({ requestArena }, () => make(5000));
  const tally = new Tally(recorder.take());
  const told = tally
    .at(__filename)
    .map(({ id, source }) => [source, tally.of(id, events.BORN).bytes])
    .sort();
  t.deepEqual(told, [
    ['Buffer.alloc', 3000],
    ['Buffer.allocUnsafe', 3000],
    ['arena', 5000],
    ['arena', 5000],
  ]);
});

test('what a slab gives out lives until free() or send()', (t) => {
  const recorder = record(t);
  for (const safety of ['checked', 'recycle']) {
    const slab = new Slab({ sizes: [4096], count: 64, safety });
    t.teardown(() => slab.close({ force: true }));
    const freed = slab.allocUnsafe(4000);
    const kept = slab.alloc(3000);
    slab.free(freed);
    t.throws(() => slab.free(freed), { code: 'ERR_RALLOC_DOUBLE_FREE' });
    t.is(slab.allocUnsafe(4000).length + kept.length, 7000);
    slab.use(100, (buffer) => buffer.length); // which frees it
  }
  const tally = new Tally(recorder.take(), recorder.settle());
  const sites = tally.sites.filter(({ source }) => source === 'slab');
  t.deepEqual(
    sites.map((site) => namesOf(tally, site)),
    [
      ['BORN', 'DIED', 'PEAK'],
      ['BORN', 'PEAK', 'ALIVE'],
      ['BORN', 'PEAK', 'ALIVE'],
    ],
  );
});

test('what a site gives out is its own, by its name, once, and wherever it is called', (t) => {
  const recorder = record(t);
  const rows = site('rows of (a) table');
  const bytes = Buffer.alloc(1000);
  for (const make of [
    () => rows.alloc(1000),
    () => rows.alloc(1000, 'x'),
    () => rows.allocUnsafe(1000),
    () => rows.from('x'.repeat(1000)),
    () => rows.from(bytes.toString('base64'), 'base64'),
    () => rows.from(bytes),
    () => rows.concat([bytes, bytes], 1000),
  ]) {
    make();
  }
  t.throws(() => rows.alloc(-1), { code: 'ERR_OUT_OF_RANGE' });
  const tally = new Tally(recorder.take());
  const sites = tally.sites.filter(({ source }) => source === 'site(rows of (a) table)');
  t.is(sites.length, 7);
  for (const { id, frames } of sites) {
    t.is(frames[0].file, __filename);
    t.is(tally.of(id, events.BORN).bytes, 1000);
  }
  const others = tally.sites.filter(({ source }) => source.startsWith('Buffer'));
  t.deepEqual(
    others.map(({ source }) => source),
    ['Buffer.alloc'], // `bytes`
  );
});

test('of a site with a table, the arena, the slab and the region say when it ends', async (t) => {
  const ralloc = withTable(t, [
    named('rows', 'request'),
    named('parts', 'slab'),
    named('entries', 'region'),
  ]);
  const recorder = record(t);
  const [rows, parts, entries] = ['rows', 'parts', 'entries'].map(ralloc.site);
  const { exchange } = inRequest(ralloc, () => rows.alloc(5000));
  for (const one of [parts, entries]) {
    const freed = one.alloc(5000);
    one.alloc(5000);
    one.free(freed);
  }
  await exchange.finish();
  const tally = new Tally(recorder.take(), recorder.settle());
  const of = (name) =>
    tally.sites
      .filter(({ source }) => source === `site(${name})`)
      .map((one) => namesOf(tally, one).filter((event) => event !== 'PEAK'));
  t.deepEqual(of('parts'), [
    ['BORN', 'DIED'],
    ['BORN', 'ALIVE'],
  ]);
  t.deepEqual(of('entries'), of('parts'));
  t.is(of('rows').length, 1);
  const sources = new Set(tally.sites.map(({ source }) => source));
  t.deepEqual(
    ['arena', 'slab', 'region'].filter((source) => sources.has(source)),
    [],
  );
  t.false(sources.has('Buffer.alloc'));
});

test('what a region gives out lives until free()', (t) => {
  const recorder = record(t);
  const region = new Region();
  t.teardown(() => region.close({ force: true }));
  const freed = region.allocUnsafe(40_000);
  const kept = region.alloc(3000);
  const large = region.tryAlloc(2_000_000);
  region.free(freed);
  region.free(large);
  t.throws(() => region.free(freed), { code: 'ERR_RALLOC_DOUBLE_FREE' });
  t.is(kept.length, 3000);
  const tally = new Tally(recorder.take(), recorder.settle());
  const sites = tally.sites.filter(({ source }) => source === 'region');
  t.deepEqual(
    sites.map((site) => namesOf(tally, site)),
    [
      ['BORN', 'DIED', 'PEAK'],
      ['BORN', 'PEAK', 'ALIVE'],
      ['BORN', 'DIED', 'PEAK'],
    ],
  );
});

/** Another copy of ralloc, as an application has beside the one that profiles it. */
function copy(t) {
  const { RALLOC_BACKEND } = process.env;
  process.env.RALLOC_BACKEND = 'js'; // it has no binary, and would warn of that
  t.teardown(() => {
    if (RALLOC_BACKEND === undefined) delete process.env.RALLOC_BACKEND;
    else process.env.RALLOC_BACKEND = RALLOC_BACKEND;
  });
  return require(copyOfPackage(t));
}

for (const when of ['before the profiler runs', 'later']) {
  test(`a copy that is loaded ${when} is seen`, (t) => {
    const early = when === 'later' ? undefined : copy(t);
    const recorder = record(t);
    const arena = new (early ?? copy(t)).Arena();
    arena.alloc(5000);
    const tally = new Tally(recorder.take());
    const sites = tally.sites.filter(({ source }) => source === 'arena');
    t.deepEqual(
      sites.map(({ id }) => tally.of(id, events.BORN).bytes),
      [5000],
    );
    arena.close();
  });
}
