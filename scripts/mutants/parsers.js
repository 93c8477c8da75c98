'use strict';

const tests = ['auto/bodies.test.js'];

module.exports = [
  {
    file: 'node/direct-body.js',
    tests,
    mutants: {
      'who listens too gets nothing': ['message._events.data === this.#listener &&\n', ''],
      'what is paused goes on': [' &&\n  state.flowing === true', ''],
      'what waits comes later': ['  state.length === 0 &&\n', ''],
      'what comes through the stream is given': [
        '      this.given = undefined;\n',
        '',
        { equivalent: 'no chunk comes twice; memory alone' },
      ],
    },
  },
  {
    file: 'auto/body-readers.js',
    tests,
    mutants: {
      'connections are seen with the first body that is read': [
        "subscribe('http.server.request.start', ({ request }) => watchConnection(request));\n",
        '',
        { since: [26, 12] },
      ],
      'a body goes back before it is copied': [
        '    const body = this.#filled(chunks) ?? Buffer.concat(chunks);\n    this.copied(body);\n',
        '    this.copied(chunks);\n    const body = this.#filled(chunks) ?? Buffer.concat(chunks);\n',
      ],
      'a chunk goes back before it is copied': [
        '    set.call(whole, chunk, at);\n    give(chunk);\n',
        '    give(chunk);\n    set.call(whole, chunk, at);\n',
      ],
      'what others have too is not copied': [
        'if (bufferOf.call(chunk) !== whole.buffer) set.call(whole, chunk, at);',
        '',
      ],
      'a short body hides those after it': [
        'return watchConnection(this.#stream);',
        'return;',
        { since: [26, 12] },
      ],
      'all that is announced is allocated': [' || announced > AHEAD * this.#size', ''],
      'a text leaves what it was made of': [
        "    if (typeof body === 'string' && this.#whole !== null) release(this.#whole);\n",
        '',
        { equivalent: 'memory alone' },
      ],
      'a chunk goes back before it is decoded': [
        '    const text = decoder.write(chunk);\n    if (isOurs) give(chunk);\n',
        '    if (isOurs) give(chunk);\n    const text = decoder.write(chunk);\n',
      ],
      'a chunk goes back as it comes': ['      this.#kept.push(chunk);\n', '      give(chunk);\n'],
      'all chunks are ours': [
        'this.#direct !== undefined && this.#direct.given === chunk',
        'this.#direct !== undefined',
      ],
      'all decoders keep nothing': ['&& keepsNone(decoder)', ''],
      'small ones too': ['(announced > 0 && announced <= SMALL)', 'false'],
      'what others change is kept': [
        'this.keep(this.#isOurs(chunk) ? chunk : Buffer.concat([chunk]))',
        'this.keep(chunk)',
      ],
      'a patch of concat() does not matter': ['    if (!isCopied()) return;\n', ''],
      'a chunk goes back with its first part': [
        'this.#isParsed && this.#parts === 0',
        'this.#isParsed',
      ],
      'a chunk goes back while busboy has it': [
        'this.#isParsed && this.#parts === 0',
        'this.#parts === 0',
      ],
      'a part of a paused file comes at once': ['  goesOn(stream._readableState) &&\n', ''],
      'fields do not count': ['    noteOf(part)?.add();\n', ''],
      'who listens to a file too gets nothing': [
        '      stream._events.data === this.#listener &&\n',
        '',
      ],
      'patches of a file do not matter': [' &&\n      readableMethods.areOn(stream)\n', '\n'],
      'parts that came through the stream are copied too': [
        'if (part === this.#given) this.#kept',
        'if (noteOf(part)) this.#kept',
      ],
    },
  },
  {
    file: 'auto/bodies.js',
    tests,
    mutants: {
      'any text is known': ['if (!parser.texts.includes(hashOf(part))) return undefined;\n', ''],
      'what gives bodies back is loaded with a parser': [
        'if (parser.isLater) announce();\n  else ',
        '',
      ],
      'a body fails where that cannot be loaded': ['attempt(loadReaders);', 'loadReaders();'],
    },
  },
  {
    file: 'auto/responses.js',
    tests: ['auto/responses.test.js'],
    mutants: {
      'a chunk goes back before it is copied': [
        '  let at = 0;\n  for (const chunk of chunks) {',
        '  let at = 0;\n  giveAll(chunks, size);\n  for (const chunk of chunks) {',
      ],
      'a body goes back before it is decoded': [
        '  const text = decode.call(',
        '  giveAll([whole], lengthOf.call(whole));\n  const text = decode.call(',
      ],
      'a stream of anything is read': [' && isFreeBytes(stream)', ''],
      'what was read from before is read on': ['!isDisturbed(stream) && ', ''],
      'a patch of read() does not matter': [
        '  ReadableStreamDefaultReader.prototype.read === read &&\n',
        '',
      ],
      'a patch of getReader() does not matter': ['  streams.areOn(stream) &&\n', ''],
      'a patch of decode() does not matter': ['  decoders.areOn(TextDecoder.prototype) &&\n', ''],
      'a patch of allocUnsafeSlow() does not matter': [' &&\n  allocators.areOn(Buffer)', ''],
      'a second mark stays': ['hasMark ? subarray.call(whole, 3) : whole', 'whole'],
      'small ones too': ['  if (size > SMALL) ', '  '],
    },
  },
];
