'use strict';
// tier: run-time, differs by Node

// text(), json(), bytes() and arrayBuffer() of responses of fetch(), Node's and undici's, with ralloc/auto: they give the same, and give back only chunks that nobody else has.

const nodes = globalThis.fetch;
const undicis = { ...Object.getOwnPropertyDescriptors(Response.prototype) };

require('../../lib/auto/bodies.js').begin([]); // before undici is loaded

const early = globalThis.fetch;

const test = require('ava');
const diagnostics = require('node:diagnostics_channel');
const { once } = require('node:events');
const http = require('node:http');
const { gzipSync } = require('node:zlib');
const undici = require('undici');
const { counts } = require('../../lib/auto/responses.js');
const { Captured } = require('../helpers/captured.js');
const { releases } = require('../helpers/given-back.js');

const SIZE = 300_000;
const { ReadableStreamDefaultReader: Reader } = globalThis;

/** JSON of which every 512 bytes say whose they are. */
const stamped = (id, size) =>
  Buffer.from(
    JSON.stringify(
      Array.from({ length: Math.ceil(size / 512) }, (_, n) => `${id}:${n};`.padEnd(480, 'aé')),
    ),
  );

/** Answers /id/size. With /cut only half comes, and then nothing more. */
async function serve() {
  const server = http.createServer((req, res) => {
    const [, id, size, how] = req.url.split('/');
    const plain = stamped(id, Number(size));
    const body = how === 'gzip' ? gzipSync(plain) : plain;
    if (how === 'gzip') res.setHeader('content-encoding', 'gzip');
    res.write(body.subarray(0, body.length / 2));
    if (how !== 'cut') res.end(body.subarray(body.length / 2));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

let url;
let server;

test.before(async () => {
  ({ url, server } = await serve());
  await releases();
});

test.after.always(() => {
  server.close();
  server.closeAllConnections();
});

/** `value`: what `act` returns; `given`: the bytes that went back. */
async function giving(act) {
  const before = counts.bytes;
  const value = await act();
  return { value, given: counts.bytes - before };
}

async function settled(act) {
  try {
    return { value: await act() };
  } catch ({ name, message }) {
    return { name, message };
  }
}

/** What a method gives, as bytes. */
const BYTES = {
  text: (text) => Buffer.from(text),
  json: (list) => Buffer.from(JSON.stringify(list)),
  bytes: Buffer.from,
  arrayBuffer: Buffer.from,
};

const FETCHES = { "Node's fetch()": (...args) => fetch(...args), "undici's fetch()": undici.fetch };

test.serial(
  "fetch() is Node's own after the first call, also for who has it from before",
  async (t) => {
    t.not(early, nodes);
    t.is(early.name, 'fetch');
    t.is(early.length, nodes.length);
    await (await early(`${url}/x/1`)).text();
    t.is(globalThis.fetch, nodes);
    t.not(Response.prototype.text, undicis.text.value);
    t.deepEqual(Object.getOwnPropertyDescriptors(Response.prototype.json).name.value, 'json');
  },
);

for (const [whose, get] of Object.entries(FETCHES)) {
  for (const [method, bytesOf] of Object.entries(BYTES)) {
    for (const how of ['', 'gzip']) {
      test.serial(`${whose}, ${method}() ${how}: all goes back that was copied`, async (t) => {
        const want = stamped('all', SIZE);
        const { value, given } = await giving(async () => {
          const response = await get(`${url}/all/${SIZE}/${how}`);
          const reading = response[method]();
          t.true(response.body.locked);
          const result = await reading;
          t.true(response.bodyUsed && response.body.locked);
          return result;
        });
        t.true(bytesOf(value).equals(want));
        const isText = method === 'text' || method === 'json';
        t.true(given === want.length || (isText && given === 2 * want.length), `${given}`);
      });
    }

    test.serial(`${whose}, ${method}() of a clone and of the cloned one`, async (t) => {
      const want = stamped('clone', SIZE);
      const response = await get(`${url}/clone/${SIZE}`);
      const clone = response.clone();
      const [one, other] = await Promise.all([response[method](), clone.text()]);
      t.true(bytesOf(one).equals(want));
      t.true(Buffer.from(other).equals(want));
    });

    test.serial(`${whose}, ${method}() is aborted, before and while it reads`, async (t) => {
      const aborted = async (isBefore) => {
        const controller = new AbortController();
        const { signal } = controller;
        const response = await get(`${url}/cut/${SIZE}/cut`, { signal });
        if (isBefore) controller.abort();
        const reading = response[method]();
        if (!isBefore) setImmediate(() => controller.abort());
        t.is((await settled(() => reading)).name, 'AbortError');
      };
      const { given } = await giving(() => Promise.all([true, false].map(aborted)));
      t.is(given, 0);
    });

    test.serial(`${whose}, ${method}() a second time, and of something else`, async (t) => {
      const response = await get(`${url}/two/${SIZE}`);
      await response[method]();
      await t.throwsAsync(response[method](), { message: /unusable/ });
      await t.throwsAsync(response[method].call({}), { instanceOf: TypeError });
    });
  }

  test.serial(`${whose}: a small body is left`, async (t) => {
    const { given } = await giving(async () => (await get(`${url}/s/10000`)).text());
    t.is(given, 0);
  });
}

/** Patches a method for a test. */
function patched(t, object, name, make) {
  const before = Object.getOwnPropertyDescriptor(object, name);
  const original = object[name];
  const value = make(original);
  Object.defineProperty(object, name, { configurable: true, writable: true, ...before, value });
  t.teardown(() => {
    if (before === undefined) delete object[name];
    else Object.defineProperty(object, name, before);
  });
}

const keepsArgument = (keep) => (original) =>
  function (...args) {
    keep(args[0]);
    return Reflect.apply(original, this, args);
  };

const keepsResult = (keep) => (original) =>
  function (...args) {
    return keep(Reflect.apply(original, this, args));
  };

const keepsRead = (keep) => (original) =>
  async function () {
    const result = await original.call(this);
    keep(result.value);
    return result;
  };

const readsKept = (keep) => (original) =>
  function (...args) {
    const reader = Reflect.apply(original, this, args);
    reader.read = keepsRead(keep)(reader.read);
    return reader;
  };

/** How somebody else comes by chunks of a response. */
const TAPS = {
  'a patch of read()': (t, keep) => patched(t, Reader.prototype, 'read', keepsRead(keep)),
  'a patch of getReader()': (t, keep) =>
    patched(t, ReadableStream.prototype, 'getReader', readsKept(keep)),
  'a getReader() of its own': (t, keep, { body }) => patched(t, body, 'getReader', readsKept(keep)),
  'a patch of decode()': (t, keep) =>
    patched(t, TextDecoder.prototype, 'decode', keepsArgument(keep)),
};

for (const [what, tap] of Object.entries(TAPS)) {
  test.serial(`${what} sees all, and all is left`, async (t) => {
    const captured = new Captured();
    const { value, given } = await giving(async () => {
      const response = await fetch(`${url}/tap/${SIZE}`);
      tap(t, captured.keep, response);
      return response.text();
    });
    t.true(Buffer.from(value).equals(stamped('tap', SIZE)));
    t.is(given, 0);
    t.true(captured.size >= SIZE && captured.isWhole);
  });
}

test.serial('a patch of allocUnsafeSlow() may keep what it returns', async (t) => {
  const captured = new Captured();
  patched(
    t,
    Buffer,
    'allocUnsafeSlow',
    keepsResult((buffer) => captured.keep(buffer.fill(0))),
  );
  const { given } = await giving(async () => (await fetch(`${url}/slow/${SIZE}`)).text());
  t.is(given, 0);
});

test.serial('who reads by hand keeps the chunks', async (t) => {
  const captured = new Captured();
  const { given } = await giving(async () => {
    for await (const chunk of (await fetch(`${url}/hand/${SIZE}`)).body) captured.keep(chunk);
  });
  t.is(given, 0);
  t.true(captured.size >= SIZE && captured.isWhole);
});

test.serial('chunks of a stream that is not of bytes belong to the one who made it', async (t) => {
  const mine = [stamped('mine', 40_000), stamped('other', 40_000)];
  const copies = mine.map((chunk) => Buffer.from(chunk));
  const start = (controller) => {
    for (const chunk of mine) controller.enqueue(chunk);
    controller.close();
  };
  const { value, given } = await giving(() => new Response(new ReadableStream({ start })).text());
  t.is(value, copies.join(''));
  t.is(given, 0);
  t.deepEqual(mine, copies);
});

test.serial('a subscriber of undici:request:bodyChunkReceived keeps the chunks', async (t) => {
  const captured = new Captured();
  const keep = ({ chunk }) => captured.keep(chunk);
  diagnostics.subscribe('undici:request:bodyChunkReceived', keep);
  t.teardown(() => diagnostics.unsubscribe('undici:request:bodyChunkReceived', keep));
  for (const get of Object.values(FETCHES)) {
    const text = await (await get(`${url}/channel/${SIZE}`)).text();
    t.true(Buffer.from(text).equals(stamped('channel', SIZE)));
  }
  t.true(captured.isWhole);
  t.log(`${captured.size} bytes`); // none on Node 20
});

test.serial('what somebody has read from before is left', async (t) => {
  const response = await fetch(`${url}/part/${SIZE}`);
  const reader = response.body.getReader();
  await reader.read();
  reader.releaseLock();
  await t.throwsAsync(response.text(), { message: /unusable/ });
});

/** Bodies that are decoded in an odd way, or not at all. */
const ODD = {
  'no mark': [97],
  'a byte order mark': [0xef, 0xbb, 0xbf, 97],
  'two of them': [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 97],
  'three of them': [0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 97],
  'bytes that are not UTF-8': [0xff, 0xc3, 0x28, 0xe2, 0x82],
  JSON: [...Buffer.from('{"a":1}')],
  nothing: [],
};

for (const [what, list] of Object.entries(ODD)) {
  for (const method of Object.keys(BYTES)) {
    test.serial(`${what}: ${method}() as it was`, async (t) => {
      const bytes = list.length === 0 ? null : new Uint8Array(list);
      const { value: original } = undicis[method];
      const was = await settled(() => original.call(new Response(bytes)));
      t.deepEqual(await settled(() => new Response(bytes)[method]()), was);
      const empty = await settled(() => original.call(new Response(new Uint8Array(0))));
      t.deepEqual(await settled(() => new Response(new Uint8Array(0))[method]()), empty);
    });
  }
}
