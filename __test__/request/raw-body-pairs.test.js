'use strict';
// tier: run-time, differs

// rawBody() in the place of express.raw(): the same requests to both, and the same answers, bodies and errors. The tests at the
// end have what differs on purpose.

process.env.NO_DEPRECATION = 'http-errors'; // of a status that is none
const test = require('ava');
const { inspect } = require('node:util');
const zlib = require('node:zlib');
const express = require('express');
const { pair } = require('../helpers/raw-pairs.js');

const OCTETS = 'application/octet-stream';
const body = (size) => Buffer.alloc(size, 'some bytes');
const typed = (type, more) => ({ headers: type === null ? {} : { 'Content-Type': type }, ...more });
const encoded = (encoding, bytes, more) => ({
  headers: { 'Content-Type': OCTETS, 'Content-Encoding': encoding },
  body: bytes,
  ...more,
});

const CONTENT_TYPES = [
  OCTETS,
  'APPLICATION/Octet-Stream; charset=utf-8',
  'application/octet-stream;',
  'application/json',
  'application/vnd.api+json; charset=nonsense',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'image/png',
  'text/plain;charset="utf-16"',
  'text/x+json+xml',
  'application/json, text/html',
  'nonsense',
  'application/',
  '*/*',
  'a b/c',
  null,
];

const TYPES = {
  'the default': undefined,
  'all types': '*/*',
  'a wildcard': 'application/*',
  'a short name': 'json',
  'a suffix': '+json',
  'a suffix of one type': 'application/*+json',
  'a list': ['text/plain', 'image/*', 'urlencoded', 'multipart'],
  'an empty list': [],
  'a function': (req) => req.headers['content-type']?.length > 20,
};

for (const [name, type] of Object.entries(TYPES)) {
  test(`type: ${name}`, async (t) => {
    const ask = await pair(t, { type });
    for (const given of CONTENT_TYPES) {
      const [raw, ours] = await ask(String(given), typed(given, { body: body(10) }));
      t.deepEqual(ours, raw, String(given));
      t.is(raw.status, 200);
    }
  });
}

const deflated = zlib.deflateSync(body(2000));
const gzipped = zlib.gzipSync(body(2000));
const long = zlib.gzipSync(body(300_000));
const ENCODINGS = {
  gzip: encoded('gzip', gzipped),
  'gzip in capitals': encoded('GZip', gzipped),
  'gzip in chunks': encoded('gzip', undefined, {
    chunks: [gzipped.subarray(0, 9), gzipped.subarray(9)],
  }),
  deflate: encoded('deflate', deflated),
  'deflate without its header': encoded('deflate', zlib.deflateRawSync(body(2000))),
  br: encoded('br', zlib.brotliCompressSync(body(2000))),
  zstd: encoded('zstd', zlib.zstdCompressSync?.(body(2000)) ?? body(10)),
  identity: encoded('identity', body(500)),
  'an empty encoding': encoded('', body(500)),
  'x-gzip': encoded('x-gzip', gzipped),
  'a list of encodings': encoded('gzip, br', gzipped),
  'the name of a method': encoded('toString', gzipped),
  'gzip of nothing': encoded('gzip', zlib.gzipSync('')),
  'gzip without a byte': encoded('gzip', Buffer.alloc(0)),
  'gzip cut short': encoded('gzip', gzipped.subarray(0, -10)),
  'gzip with a wrong checksum': encoded('gzip', Buffer.concat([gzipped.subarray(0, -8), body(8)])),
  'gzip that is none': encoded('gzip', body(200)),
  'gzip with bytes behind it': encoded('gzip', Buffer.concat([gzipped, Buffer.alloc(9)])),
  'gzip in two members': encoded('gzip', Buffer.concat([gzipped, gzipped])),
  'br that is none': encoded('br', body(200)),
  'gzip of much more': encoded('gzip', long),
  'gzip of another type': {
    ...encoded('gzip', gzipped),
    headers: { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' },
  },
};

const INFLATING = {
  'by default': {},
  'with a limit': { limit: 1000 },
  'not at all': { inflate: false },
};

for (const [name, options] of Object.entries(INFLATING)) {
  test(`inflate: ${name}`, async (t) => {
    const ask = await pair(t, options);
    for (const [id, request] of Object.entries(ENCODINGS)) {
      const [raw, ours] = await ask(id, request);
      t.deepEqual(ours, raw, id);
    }
  });
}

const BODIES = {
  'no body': typed(OCTETS),
  'an empty body': typed(OCTETS, { body: body(0) }),
  'a byte': typed(OCTETS, { body: body(1) }),
  '10 bytes': typed(OCTETS, { body: body(10) }),
  '11 bytes': typed(OCTETS, { body: body(11) }),
  '1536 bytes': typed(OCTETS, { body: body(1536) }),
  '1537 bytes': typed(OCTETS, { body: body(1537) }),
  '100 KiB': typed(OCTETS, { body: body(102_400) }),
  'a byte more': typed(OCTETS, { body: body(102_401) }),
  'no chunk': typed(OCTETS, { chunks: [] }),
  'a chunk': typed(OCTETS, { chunks: [body(10)] }),
  'a longer chunk': typed(OCTETS, { chunks: [body(11)] }),
  'a chunk of 1537 bytes': typed(OCTETS, { chunks: [body(1537)] }),
  'of another type': typed('text/plain', { body: body(2000) }),
  'GET without a body': typed(OCTETS, { method: 'GET' }),
  'GET with a body': typed(OCTETS, { method: 'GET', body: body(20) }),
  PUT: typed(OCTETS, { method: 'PUT', body: body(20) }),
  'PATCH in chunks': typed(OCTETS, { method: 'PATCH', chunks: [body(5), body(2)] }),
  'DELETE with a body': typed(OCTETS, { method: 'DELETE', body: body(20) }),
  'HEAD with a body': typed(OCTETS, { method: 'HEAD', body: body(20) }),
  OPTIONS: typed(OCTETS, { method: 'OPTIONS', body: body(20) }),
  'Expect: 100-continue': typed(OCTETS, {
    body: body(10),
    expect: true,
    headers: { 'Content-Type': OCTETS, 'Content-Length': 10 },
  }),
  'the same, too large': typed(OCTETS, {
    body: body(2000),
    expect: true,
    headers: { 'Content-Type': OCTETS, 'Content-Length': 2000 },
  }),
};

for (const limit of [undefined, 0, 10, '10', '1.5kb', '1.5 KB', '1mb', '10b']) {
  test(`limit: ${inspect(limit)}`, async (t) => {
    const ask = await pair(t, { limit });
    for (const [id, request] of Object.entries(BODIES)) {
      const [raw, ours] = await ask(id, request);
      t.deepEqual(ours, raw, id);
    }
  });
}

const refusing = (thrown) => () => {
  throw thrown();
};
const VERIFIERS = {
  'that passes': () => {},
  'with an error': refusing(() => new Error('no')),
  'with an error of a type': refusing(() => Object.assign(new Error('no'), { type: 'sign' })),
  'with a status of its own': refusing(() => Object.assign(new Error('no'), { status: 401 })),
  'with a status that is none': refusing(() => Object.assign(new Error('no'), { status: 42 })),
  'with a TypeError': refusing(() => new TypeError('no')),
  'with a string': refusing(() => 'no'),
  'with an object': refusing(() => ({ type: 'mine' })),
  'of what it is given': (req, res, buffer, encoding) => {
    throw new Error([req.url, res.headersSent, Buffer.isBuffer(buffer), buffer, encoding].join());
  },
};

for (const [name, verify] of Object.entries(VERIFIERS)) {
  test(`verify: a function ${name}`, async (t) => {
    const ask = await pair(t, { verify });
    for (const id of ['10 bytes', 'an empty body', 'of another type', 'a byte more']) {
      const [raw, ours] = await ask(id, BODIES[id]);
      t.deepEqual(ours, raw, id);
    }
  });
}

const later = (_req, _res, next) => setImmediate(next);
const first = (change) => (req, _res, next) => {
  change(req);
  next();
};
const withLength = (length) =>
  first(({ headers }) => Object.assign(headers, { 'content-length': length }));
const BEFORE = {
  'JSON was parsed': [express.json({ type: '*/*' })],
  'text was parsed': [express.text({ type: '*/*' })],
  'another raw parser': [express.raw()],
  'a body is there': [first((req) => Object.assign(req, { body: 'mine' }))],
  'an encoding was set': [first((req) => req.setEncoding('utf8'))],
  'a later turn': [later],
  'the length was made longer': [withLength('12')],
  'the length was made no number': [withLength('x')],
  'the length was made longer than the limit': [withLength('1234567')],
  'a first chunk was put back': [first((req) => req.unshift(Buffer.from('more ')))],
};

for (const [name, before] of Object.entries(BEFORE)) {
  test(`before: ${name}`, async (t) => {
    const ask = await pair(t, {}, { before });
    const texts = { number: '1234567890', JSON: '{"a":"b"}', nothing: '' };
    for (const [id, text] of Object.entries(texts)) {
      const [raw, ours] = await ask(id, typed(OCTETS, { body: Buffer.from(text) }));
      t.deepEqual(ours, raw, id);
    }
  });
}

test("Express's own answer to each kind of error", async (t) => {
  const verify = refusing(() => new Error('no'));
  const ask = await pair(t, { limit: 10, verify }, { plain: true });
  const kinds = ['a byte', '11 bytes', 'a longer chunk', '100 KiB', 'the same, too large'];
  const all = { ...BODIES, ...ENCODINGS };
  for (const id of [...kinds, 'x-gzip', 'gzip that is none', 'gzip of much more']) {
    const [raw, ours] = await ask(id, all[id]);
    t.deepEqual(ours, raw, id);
    t.true(raw.status >= 400);
  }
});

test('uploads that are cut off', async (t) => {
  const ask = await pair(t, { limit: 100 });
  const length = { 'Content-Type': OCTETS, 'Content-Length': 50 };
  const cuts = {
    'before the first byte': { headers: length, body: Buffer.alloc(0), cut: true },
    'within the body': { headers: length, body: body(10), cut: true },
    'between chunks': typed(OCTETS, { chunks: [body(10)], cut: true }),
    'before a chunk': typed(OCTETS, { chunks: [], cut: true }),
  };
  for (const [id, request] of Object.entries(cuts)) {
    const [raw, ours] = await ask(id, request);
    t.deepEqual(ours, raw, id);
    t.is(raw.outcome.type, 'request.aborted');
  }
});
