'use strict';

// Functions of packages that copy or decode a body, by their text: those whose text is known are
// changed where they are loaded, so that they say when they are done with a chunk
// (body-readers.js). What is not known stays as it is.
//
// Of each: the file in the package; whether it calls ralloc with a body, and not as it is loaded;
// the text, from a line to another one; its SHA-256, by the versions that have it; what is changed
// in it.

const { kBodies } = require('../base/protocol.js');

const SYMBOL = `Symbol.for('${kBodies.description}')`;

/** What such functions call (body-readers.js). */
const READERS = `globalThis[${SYMBOL}]`;

/**
 * The same where each body asks for it: Symbol.for() takes 250 instructions, so a statement before
 * the function calls it once.
 */
const KEPT = 'globalThis[$bodies]';
const KEEP = `var $bodies = ${SYMBOL}; `;

/** A body of which no chunk goes back. */
const PLAIN_BODY = {
  begin() {},
  keep: (chunk) => chunk,
  own: (chunk) => Buffer.concat([chunk]),
  decode: (decoder, chunk) => decoder.write(chunk),
  concat: (chunks) => Buffer.concat(chunks),
  copied() {},
  end() {},
};

const PARSERS = [
  {
    file: 'raw-body/index.js',
    isLater: true,
    from: 'function readStream (',
    to: '\n}\n',
    texts: [
      'a162c0d0d27f780c3744758accc516ddb7fdbdf5ac26800fbbe2a2a3877baedf', // 2.4.3 to 3.0.2
    ],
    edits: [
      ['function readStream (', `${KEEP}function readStream (`],
      [
        "  stream.on('data', onData)",
        `  var $body = ${KEPT}.body(stream, onData, length); stream.on('data', onData); $body.begin()`,
      ],
      ['buffer += decoder.write(chunk)', 'buffer += $body.decode(decoder, chunk)'],
      ['buffer.push(chunk)', 'buffer.push($body.keep(chunk))'],
      [': Buffer.concat(buffer)', ': $body.concat(buffer)'],
      ['    buffer = null', '    buffer = null; if ($body) $body.end()'],
    ],
  },
  {
    file: 'fastify/lib/content-type-parser.js',
    isLater: true,
    from: 'function rawBody (',
    to: '\n}\n',
    texts: [
      '3e7fac20cb6efef45ad307c29c399eedbea126367335e96996107ab4c718b5e3', // 5.12.8
    ],
    edits: [
      ['function rawBody (', `${KEEP}function rawBody (`],
      [
        "  payload.on('data', onData)",
        `  const $body = ${KEPT}.body(payload, onData, contentLength); payload.on('data', onData); $body.begin()`,
      ],
      ['    chunks.push(chunk)', '    chunks.push($body.keep(chunk))'],
      ['  function onEnd (err) {', '  function onEnd (err) { $body.end()'],
      ['Buffer.concat(chunks, receivedLength)', '$body.concat(chunks)'],
      ['    let result\n', '    $body.copied(body); let result\n'],
    ],
  },
  {
    file: 'http-proxy-middleware/dist/handlers/response-interceptor.js',
    isLater: true,
    from: 'function responseInterceptor(',
    to: '\n}\n',
    texts: [
      'afbbc304b5bcb781b0c61d028cc78a1ecd7724eb3fa6b3361ed744f604a51206', // 3.0.10 and 3.0.11
    ],
    edits: [
      [
        "_proxyRes.on('data', (chunk) => (buffer = Buffer.concat([buffer, chunk])));",
        `const $chunks = [], $onData = (chunk) => $chunks.push($body.own(chunk)), $body = ${READERS}.body(_proxyRes, $onData); _proxyRes.on('data', $onData); $body.begin();`,
      ],
      [
        'copyHeaders(proxyRes, res);',
        'buffer = $body.concat($chunks); $body.end(); copyHeaders(proxyRes, res);',
      ],
    ],
  },
  {
    file: 'multer/storage/memory.js',
    texts: [
      '70f8bc157693264d908d82d89c9f363d26c0f50deb1051ffe802795010c5710e', // 2.5.0
    ],
    edits: [
      ['var chunks = []', `var chunks = [], $file = ${READERS}.file(file.stream)`],
      ['    chunks.push(chunk)\n  })', '    chunks.push($file.keep(chunk))\n  }); $file.begin()'],
      ['var buffer = Buffer.concat(chunks)', 'var buffer = $file.concat(chunks)'],
    ],
  },
  {
    file: 'busboy/lib/types/multipart.js',
    texts: [
      'ed88b51e44c230f124163a75ee87cba322584a2f0360eafc7b38727a33ec9268', // 1.6.0
    ],
    edits: [
      [
        'chunk = data.slice(start, start + actualLen);',
        `chunk = ${READERS}.slice(data, start, start + actualLen);`,
      ],
      ['!this._fileStream.push(chunk)', `!${READERS}.push(this._fileStream, chunk)`],
      [
        'new FileStream(fileOpts, this);',
        `new FileStream(fileOpts, this); ${READERS}.opened(this._fileStream, this);`,
      ],
      ['this._finalcb = null;\n\n', `this._finalcb = null; ${READERS}.parser(this);\n\n`],
      ['this._bparser.push(chunk, 0);', `this._bparser.push(chunk, 0); ${READERS}.parsed(chunk);`],
      [
        'module.exports = Multipart;',
        `module.exports = ${READERS}.busboy(Multipart, FileStream, StreamSearch);`,
      ],
    ],
  },
  {
    file: 'streamsearch/lib/sbmh.js',
    texts: [
      'b12da7985e18a80eb7467696fa496a9f38a3be4de0eabbdaeebbca57d48d698d', // 1.1.0
    ],
    edits: [['module.exports = SBMH;', `module.exports = ${READERS}.search(SBMH);`]],
  },
  {
    file: 'undici/lib/web/fetch/response.js',
    from: 'mixinBody(Response',
    to: '\n',
    texts: [
      'b1371b7a889f6b4c7e7a51e2ca31f890412f453fed3954d25b96510009ce4240', // 6
      'b02f8a17ea8d275d6746b137b531c1f1e320684bc5f3c1f77f5a2dd26a2f2ee5', // 7, and 8.0
      '472d94c3987a618663c32572b8a998cb17cdce0c5f8c00050c2b3e86f7f4e17a', // later ones of 8
    ],
    edits: [['\n', `; ${READERS}.responses(Response)\n`]],
  },
];

/** The hash of a text. Loads node:crypto only if there is a text to compare. */
const hashOf = (text) => require('node:crypto').createHash('sha256').update(text).digest('hex');

/**
 * Hashes of write() of iconv-lite's decoders that keep no chunk: UTF-8, Latin-1 and other
 * single-byte encodings.
 */
const DECODERS = [
  // StripBOMWrapper, InternalDecoder and SBCSDecoder of 0.7, and of 0.4
  '861f3b94bb8278e73290218731975f151b3bd4eb062c5fc0dfe0135693aa4bf2',
  '9809d479dbf74a31e2fb7d4439889978ba8547d3b1ad27ebbc3d13beae688d1e',
  '04b7292131aebbc563ca2a453e1cc9aa0d3585cf0a26966097110e9e9b76020f',
  '293029b064d41114830a3a9a5f430e9ba2c04faf89c826e79d4cafd4e482b105',
  '85967a967082e2860c937319c2def69048448c133d9c366be5949952b3b24129',
];

/** Texts by which a parser is found in a bundle. Bundled parsers are left alone. */
const MARKS = [
  ['raw-body', 'request size did not match content length'],
  ['busboy', 'Multipart: Boundary not found'],
];

module.exports = { DECODERS, MARKS, PARSERS, PLAIN_BODY, hashOf };
