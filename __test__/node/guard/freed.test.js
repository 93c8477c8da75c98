'use strict';
// tier: run-time

// Each function that the guard replaced refuses a Buffer that is dead when it is given, however that ended and whoever has its bytes by
// then, and nothing was sent.

require('../../../lib/node/guard/index.js'); // before anyone takes functions out of Node's modules
const test = require('ava');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { join } = require('node:path');
const { Writable } = require('node:stream');
const { Arena, Region, Slab } = require('../../../lib/index.js');
const { run } = require('../../helpers/child.js');
const { newFolder, removeFolder } = require('../../helpers/folder.js');
const { serveOnly } = require('../../helpers/server.js');
const { rows, GIVEN_NONE } = require('./freed.js');

const DEAD = { code: 'ERR_RALLOC_DEAD_BUFFER' };
const SIZE = 64;
const LARGE = 2 ** 20;

const newSlab = () => new Slab({ sizes: [SIZE], count: 4, guard: true });

/** A Buffer that is dead, with the bytes of another one where they are shared. */
const kinds = {
  'a block of a region that was freed'(t) {
    const region = new Region({ guard: true });
    const buffer = region.alloc(SIZE, 'a');
    region.free(buffer);
    t.is(region.alloc(SIZE, 'b').byteOffset, buffer.byteOffset, 'the bytes are somebody else’s');
    return buffer;
  },
  'a block of a region with autoFree that was freed'() {
    const region = new Region({ guard: true, autoFree: true });
    const buffer = region.alloc(SIZE, 'a');
    region.alloc(1);
    region.free(buffer);
    return buffer;
  },
  'a chunk of a region that was freed'() {
    const region = new Region({ guard: true });
    const buffer = region.alloc(LARGE, 'a');
    region.free(buffer);
    return buffer;
  },
  'a Buffer of a region that was closed'() {
    const region = new Region({ guard: true });
    const buffer = region.alloc(SIZE, 'a');
    region.close({ force: true });
    return buffer;
  },
  'a slot of a slab that was freed'(t) {
    const slab = newSlab();
    const buffer = slab.alloc(SIZE, 'a');
    slab.free(buffer);
    t.is(slab.alloc(SIZE, 'b').byteOffset, buffer.byteOffset, 'the bytes are somebody else’s');
    return buffer;
  },
  'a slot of a slab that was sent'() {
    const slab = newSlab();
    const buffer = slab.alloc(SIZE, 'a');
    slab.receive(slab.send(buffer)).fill('b');
    return buffer;
  },
  'a Buffer of a slab that was closed'() {
    const slab = newSlab();
    const buffer = slab.alloc(SIZE, 'a');
    slab.close({ force: true });
    return buffer;
  },
  'a Buffer of an arena that was reset'() {
    const arena = new Arena({ guard: true });
    const buffer = arena.alloc(SIZE, 'a');
    arena.reset();
    return buffer;
  },
};

const folder = newFolder();
test.after.always(() => removeFolder(folder));
let places = 0;

async function placeFor(t) {
  const file = join(folder, `${places++}`);
  const handle = await fs.promises.open(file, 'w+');
  t.teardown(() => handle.close());
  const sent = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      sent.push(...chunk);
      done();
    },
  });
  return { file, handle, sink, sent, teardown: (end) => t.teardown(end) };
}

for (const [name, use] of Object.entries(rows)) {
  for (const [kind, dead] of Object.entries(kinds)) {
    test.serial(`${name} of ${kind}`, async (t) => {
      const place = await placeFor(t);
      const error = await t.throwsAsync(async () => use(dead(t), place), DEAD);
      t.regex(error.message, /it was freed|was closed|was sent|was reset/);
      const written = [...fs.readFileSync(place.file), ...place.sent];
      t.deepEqual(
        written.filter((byte) => byte === 97 || byte === 98),
        [],
        'a and b',
      );
    });
  }
}

test('each function that the guard replaces and that is given bytes has a row', async (t) => {
  const { code, stderr, result } = await run('node/what-changes.js', { args: ['entry'] });
  t.is(code, 0, stderr);
  const missing = result.entry.replaced.filter(
    (name) => !(name in rows) && !GIVEN_NONE.includes(name),
  );
  t.deepEqual(missing, []);
});

test('http2 is not loaded by the guard, and guarded where it comes later', (t) => {
  const code = `require('./lib/node/guard/index.js');
    const isLoaded = () => process.moduleLoadList.includes('NativeModule http2');
    const before = isLoaded();
    const http2 = require('node:http2');
    const { write } = http2.Http2ServerResponse.prototype;
    http2.createServer().listen(0).close();
    before + ' ' + (http2.Http2ServerResponse.prototype.write !== write)`;
  const cwd = join(__dirname, '..', '..', '..');
  t.is(execFileSync(process.execPath, ['-p', code], { cwd }).toString().trim(), 'false true');
});

/** What a client is sent until its connection or its stream closes. */
async function sent(stream) {
  let received = '';
  stream.setEncoding('latin1').on('data', (text) => {
    received += text;
  });
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('close', resolve));
  return received;
}

const protocols = {
  'HTTP/1': [
    http.createServer,
    (_t, port) => {
      const socket = net.connect(port, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      return socket;
    },
  ],
  'HTTP/2': [
    http2.createServer,
    (t, port) => {
      const session = http2.connect(`http://127.0.0.1:${port}`);
      t.teardown(() => session.destroy());
      return session.request();
    },
  ],
};

for (const [protocol, [create, connect]] of Object.entries(protocols)) {
  for (const [kind, dead] of Object.entries(kinds)) {
    for (const name of ['write', 'end']) {
      test.serial(
        `${protocol}: ${name}() of a response behind its headers, of ${kind}`,
        async (t) => {
          let told;
          const server = create((_req, res) => {
            res.writeHead(200);
            res.write('whole');
            try {
              res[name](dead(t));
            } catch (error) {
              told = error;
              res.end(`Error: ${error.message}`); // as frameworks do
            }
          });
          const stream = connect(t, await serveOnly(t, server));
          t.notRegex(await sent(stream), /Error|aaa|bbb/);
          t.like(told, DEAD);
          if (protocol === 'HTTP/2') t.is(stream.rstCode, http2.constants.NGHTTP2_INTERNAL_ERROR);
        },
      );
    }
  }
}
