'use strict';

const known = ['request/body-read.test.js'];
const captures = ['request/body-captures.test.js'];
const memory = ['request/body-memory.test.js'];
const pump = ['node/pump.test.js'];
const pumpCaptures = ['node/pump-captures.test.js'];
const pumpKnown = ['node/pump.test.js'];
const pumpEnds = ['node/pump-ends.test.js'];
const clientReads = ['node/client-reads.test.js'];
const streams = ['auto/streams-soak.test.js'];
const piped = ['node/pipe.test.js'];

module.exports = [
  {
    file: 'node/small-body.js',
    tests: ['request/small-body.test.js'],
    mutants: {
      'a part is taken for the whole': ['lengthOf.call(chunk) !== this.#length || ', ''],
      'who reads it too gets nothing': [' || !isUnread(message)) {', ') {'],
      'a body that was read looks unread': ['_readableState.dataEmitted = true', '_readableState'],
      'it comes after its response': ['this.#request.bodyReading !== this', 'false'],
      'one that is not seen never comes': [
        'if (this.#request.bodyReading === this && !this.#isTaken) this.#readStream();',
        '',
      ],
      'the turn keeps it': ['if (fresh[this.#place] === this) fresh[this.#place] = null;', ''],
      'it goes away in silence': ['    this.#reject(this.#ways.gone());\n', ''],
    },
  },
  {
    file: 'node/stream-chunks.js',
    tests: captures,
    mutants: {
      'what Node did not give is released': [
        'next !== undefined && (next === chunk || next === chunk.buffer)',
        'next !== undefined',
      ],
      'a listener that comes later is not seen': ['if (isReader || (', 'if (('],
      'who is in the place of the listener is not seen': [
        'stream._events.data === this.#listener',
        "stream.listenerCount('data') === 1",
        { tests: pumpCaptures },
      ],
      'a second pipe is not seen': [
        'pipes.length === 1 && pipes[0] === this.#sink',
        'true',
        { equivalent: 'its listener is seen' },
      ],
      'who reads by hand is not seen': ['(!this.#sink || this.#flows())', 'true', { tests: piped }],
      'who reads by hand between is not seen': [' && !state.resumeScheduled', '', { tests: piped }],
      'who reads by hand as it flows is not seen': [
        " || (name === 'resume' && this.#sink)",
        '',
        { tests: piped },
      ],
      'a chunk goes past whoever reads too': [
        'if (state.length === 0 && this.#isSole()) {',
        'if (state.length === 0) {',
      ],
      'a chunk goes past what waits before it': [
        'if (state.length === 0 && this.#isSole()) {',
        'if (this.#isSole()) {',
      ],
      'a listener that comes with the first is not seen': [
        '    if (this.#isSole()) this.#watch();\n    else this.#isSeen();\n  }\n\n  #watch',
        '    this.#watch();\n  }\n\n  #watch',
      ],
      'who came meanwhile is not seen': [
        '    else this.#isSeen();\n    return false;',
        '    return false;',
      ],
      'what comes after an answer is of it': [
        'if (stream._dumped || stream.socket?.destroyed) return',
        'if (stream._dumped) return',
        { equivalent: 'on Node 20, which makes another message of it; a test sees it from 22 on' },
      ],
      'a body that was read looks unread': ['      state.dataEmitted = true;\n', ''],
      'patches of a stream are not seen': [
        '      this.#isPiped() &&\n      this.#methods.areOn(stream)\n    );',
        '      this.#isPiped()\n    );',
      ],
      'readers from before are not seen': [
        'hasReaders(stream, state) || ',
        '',
        { equivalent: 'watch() sees them too; pump() then pipes by itself in vain' },
      ],
    },
  },
  {
    file: 'node/own-methods.js',
    tests: known,
    mutants: {
      'any function is of Node': [
        'verdict = isInTexts(original) && provoke(original);',
        'verdict = true;',
      ],
      'a patch is called to find it out': ['isInTexts(original) && ', '', { tests: pumpCaptures }],
      'the guard is a patch': ['const original = originalOf(method);', 'const original = method;'],
    },
  },
  {
    file: 'node/own-methods.js',
    tests: captures,
    mutants: {
      'methods of its own beside a new prototype are not seen': [
        'if (Object.hasOwn(object, name)) return object;',
        '{}',
      ],
    },
  },
  {
    file: 'node/parser-chunks.js',
    tests: known,
    mutants: {
      'what others read is kept': ['parsed.isOurs || isUnread(state)', 'true'],
      'who stands before the parser`s method is not seen': [
        'if (this[bodyIndex] !== onBody) shared.add(this.socket ?? this);\n  else if',
        'if',
        { tests: captures },
      ],
      'who stood before it is not seen': [
        ' && !isShared(this)) {',
        ') {',
        { tests: captures, since: [26, 12] },
      ],
      'any parser is of Node': ['  if (!isNodes(parser)) return;\n', ''],
    },
  },
  {
    file: 'node/client-reads.js',
    tests: clientReads,
    mutants: {
      'a socket that others listen to': [
        '    events.data === nodesOnData &&\n    events',
        '    events',
      ],
      'patches of a socket are not seen': ['    methods.areOn(socket)\n', '    true\n'],
      'functions before the handle`s are not seen': ['        handle.onread === hooked &&\n', ''],
      'any parser is of Node': ['    isParsing(parser) &&\n', ''],
      'what waits is freed': [
        'if (waits || state.length > 0 || socket.destroyed) return',
        'if (socket.destroyed) return',
        { tests: clientReads },
      ],
      'an error has lost its packet': [
        '  if (socket._hadError) return false;\n',
        '',
        { equivalent: 'the socket is destroyed then, for which nothing is released' },
      ],
      'an upgrade has lost its head': [
        "if (message.upgrade || request.upgradeOrConnect || method === 'CONNECT') return false;",
        '',
        { equivalent: 'the message of an upgrade is not noted: its parser is gone when it comes' },
      ],
      'nothing goes back': [
        'isUsedUp(socket, parser, request)) release',
        'false) release',
        { tests: clientReads },
      ],
    },
  },
  {
    file: 'node/provenance.js',
    tests: pumpKnown,
    mutants: {
      'functions of the user read a file': [
        ' || stream[key] !== fs) return undefined;',
        ') return undefined;',
      ],
      'patched functions read a file': [
        '|| !readsAlone()) return undefined;',
        ') return undefined;',
      ],
      'a socket that connects is not noted': [
        "  socket.once('connect', begin);\n",
        '',
        { tests: pump },
      ],
      'what is left of a read is kept': ['      drop(buffer);\n', '', { tests: pump }],
    },
  },
  {
    file: 'node/write-completion.js',
    tests: [...pumpCaptures, ...pumpKnown],
    mutants: {
      'patches of a sink are not seen': ['return methods.areOn(stream) && check', 'return check'],
      'a socket below a response is not looked at': [
        'return kind?.check === isOnHandle && isKnown(socket, kind, isWritten);',
        'return true;',
      ],
      'a handle of zlib is not looked at': ['[name], isOnZlib)', '[name])'],
      'functions of the user write a file': ['functionsKeyOf(stream) !== undefined && ', ''],
      'patched functions write a file': [' && fileFunctions.areOn(fs);', ';'],
    },
  },
  {
    file: 'node/pipe/handover.js',
    tests: pumpCaptures,
    mutants: {
      'a patch before the write is not seen': [
        'if (!this.#isUntouched(false)) {',
        'if (false) {',
        { equivalent: 'the callback asks again' },
      ],
      'a patch after the write is not seen': [
        'else if (this.#isUntouched(true)) this.#give',
        'else if (true) this.#give',
      ],
      'a failed write releases': [
        'if (error || this.#sink.destroyed || socket?.destroyed) leave',
        'if (false) leave',
        { tests: pumpEnds },
      ],
      'small pieces are watched for ever': [
        'MANY) this.#chunks.end()',
        'MANY) this.#chunks',
        { tests: pump },
      ],
      'one tick too early': [
        'return (error) => this.#onWritten(chunk, bytes, socket, error);',
        'this.#give(chunk);\n    return () => {};',
        { tests: [...pump, ...streams] },
      ],
      'as the next one is written': [
        'return (error) => this.#onWritten(chunk, bytes, socket, error);',
        'if (this.last) this.#give(this.last);\n    this.last = chunk;\n    return () => {};',
        { tests: streams },
      ],
      'what waits is not counted': [
        "    leave('unwritten', this.#pending);\n",
        '',
        { tests: pumpEnds },
      ],
    },
  },
  {
    file: 'node/pipe/link.js',
    tests: pumpCaptures,
    mutants: {
      'back-pressure is not kept': ['if (goesOn === false) this.#pause();', '', { tests: pump }],
      'the drain is not heard': [
        "      [sink, 'drain', () => this.#onDrain()],\n",
        '',
        { tests: pump },
      ],
      'pipe() stays': [
        "if (Object.getOwnPropertyDescriptor(source, 'pipe')?.value === pipe) delete source.pipe;",
        '',
        { tests: pumpEnds },
      ],
    },
  },
  {
    file: 'base/announced.js',
    tests: pump,
    mutants: {
      'a small body is watched': ['announced > 0 && announced <= SMALL', 'false'],
      'a large body is not watched': ['announced > 0 && announced <= SMALL', 'true'],
    },
  },
  {
    file: 'node/pipe/pipeline.js',
    tests: pumpEnds,
    mutants: {
      'a small message stays heard': [
        '    for (const link of links) link.stop();\n',
        '',
        { tests: pump },
      ],
      'a queued response waits for ever': ["    socket.on('close', onClose);\n", ''],
      'a sink that is closed is waited for': ['if (gone !== undefined) throw', 'if (false) throw'],
      'a response of HTTP/2 is never gone': ['    sink.stream?.destroyed === true ||\n', ''],
      'what pipeline() forgets stays open': ['    destroyAll(parts, error, options);\n', ''],
      'what is not to be ended is destroyed': [
        'if (i === last && writes && options?.end === false) continue;',
        '',
      ],
      'a web stream stays open': ['if (!part.locked) await part.cancel(error);', ''],
      'an iterator stays open': ['    await part.return?.();\n', ''],
      'a response that has closed is lost': [
        'if (!sink.closed) reject',
        'reject',
        { equivalent: 'pipeline() has settled by then, but for a source that closes later' },
      ],
    },
  },
  {
    file: 'arena/growing.js',
    tests: ['arena/collect.test.js'],
    mutants: {
      'leases what is announced': ['this.#announced <= need * AHEAD', 'true', { tests: memory }],
      'the heap is taken for a span': [
        '        this.#isAside = false;\n',
        '',
        { tests: ['request/body-ended.test.js'] },
      ],
      'leases twice as much': ['const AHEAD = 8;', 'const AHEAD = 64;'],
      'others lie behind it': [
        'return !this.#isAside && ab === buffer && cursor',
        'return !this.#isAside && ab === buffer && end + (-end & mask) <= cursor',
      ],
      'a reset is not noticed': ['      this.#checkAlive();\n      if', '      if'],
      'recycled memory is written': [
        "if (owner.settings.safety === 'recycle') this",
        'if (false) this',
      ],
      'what was written is taken for clean': [
        '    span.cleanFrom = Math.max(span.cleanFrom, end);\n',
        '',
      ],
      'a request is charged twice': ['    owner.discharge(charged);\n', '', { tests: memory }],
      'the rest is lost': ['if (this.#isAside) this.#giveOn();\n    else if', 'if'],
    },
  },
  {
    file: 'request/raw-body.js',
    tests: ['request/raw-body.test.js'],
    mutants: {
      'inflates without a limit': [
        'if (received > limit) throw errors.tooLarge({ limit, received });',
        '',
        { tests: ['request/raw-body.test.js'] },
      ],
      'reads on without end': ['cutOff(reading, req);', '{}'],
      'does not answer itself': ['this.#answer(error);', 'false;'],
      "ends others' answers": ['else if (isOurs) this', 'else this'],
      'an upload that ends too early is waited for': [
        "        req.on('close', onClose);\n",
        '',
        { tests: ['request/raw-body-differs.test.js'] },
      ],
      'parsed bodies are parsed once more': ["  Reflect.set(req, '_body', true);", '  //'],
      'arenas of others are used': ['if (ownerOf(arena) !== undefined) return', 'if (true) return'],
    },
  },
  {
    file: 'request/body.js',
    tests: ['request/body-ended.test.js'],
    mutants: {
      'who does not await a body ends the process': ['  request.bodyPromise.catch(ignore);\n', ''],
    },
  },
  {
    file: 'request/content-parser.js',
    tests: ['adapters/body-readers.test.js'],
    mutants: {
      'what is inflated has no limit': [
        'arena.collect(payload, { limit })',
        'arena.collect(payload)',
      ],
      'lengths may lie': ['throw wrongLength();', ''],
      "a fault of the stream is the server's": ['error.statusCode = 400;', '{}'],
      'errors are not those of Fastify': [
        "if (error.code === 'ERR_RALLOC_LIMIT' && error.option === 'limit') throw tooLarge();",
        '',
      ],
    },
  },
  {
    file: 'node/reading.js',
    tests: ['request/body-refused.test.js'],
    mutants: {
      'a stream of HTTP/2 that was reset is whole': [
        "if (typeof stream?.rstCode !== 'number') return this",
        'if (true) return this',
      ],
    },
  },
];
