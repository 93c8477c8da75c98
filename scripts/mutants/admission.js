'use strict';

const lets = 'admission/admission.test.js';
const waits = 'admission/waiting.test.js';
const random = 'admission/random.test.js';
const everywhere = { tests: ['admission/adapters.test.js'] };

module.exports = [
  {
    file: 'admission/admission.js',
    tests: [lets, waits],
    mutants: {
      'the factor is 1': ['Math.ceil(promised * settings.factor)', 'Math.ceil(promised)'],
      'no guess is made': ['    else this.#guess.learn(arrived);\n', ''],
      'a guess is forgotten at once': [
        'else this.bytes -= (this.bytes - bytes) / FORGET;',
        'else this.bytes = bytes;',
      ],
      'a guess is more than its budget can have': [
        'ledger.tooSmallFor(bytes * factor) !== null',
        'false',
      ],
      'a guess stays, though nobody has room for it': [
        'if (length === UNKNOWN && error.waitedMs !== undefined) this.#guess.halve();',
        '',
      ],
      'one that was cut is promised no more': [
        'if (wasCut) this.#guess.double(arrived);',
        'if (wasCut) this.#guess.learn(arrived);',
      ],
      'a guess is never forgotten': ['else this.bytes -= (this.bytes - bytes) / FORGET;', ''],
      'the promise has no limit': [
        'Math.max(LEAST_PROMISE, Math.min(this.bytes, limit))',
        'this.bytes',
      ],
      'a request without a body is charged': [
        'if (length !== 0 && !isForced) return this.#charge(',
        'if (!isForced) return this.#charge(',
      ],
      'a request without a body has a key': [
        'if (length !== 0 && !isForced && this.#keys !== null) request.key',
        'if (!isForced && this.#keys !== null) request.key',
      ],
      'priority is asked for nothing': ['if (isForced) request.admitAll(length);', ''],
      'who has priority is refused': [
        'const isForced = length !== 0 && this.#isPrior(req);',
        'const isForced = false;',
      ],
      'priority may be anything': [
        "if (typeof answer === 'boolean') return answer;",
        'return Boolean(answer);',
      ],
      'the first that can wait is refused': [
        'const isStopped = isCritical() || (settings.wait !== null && bytes > budget.available);',
        'const isStopped = isCritical();',
      ],
      'memory that runs out stops nobody': [
        'if (settings.wait === null) throw pressureError();',
        'if (settings.wait === null) return this.#admit(request, budget.charge(bytes), length, promised);',
      ],
      'what never fits waits': [
        'if (isStopped && ledgerOf(budget).tooSmallFor(bytes) === null) {',
        'if (isStopped) {',
      ],
      'whose a request is, whose client has gone, is asked': [
        '    if (request.isOver) return REFUSED;\n    const line',
        '    const line',
      ],
      'what is pipelined behind one that waits goes on': [
        'if (line === undefined) return',
        'if (true) return',
      ],
      'what is pipelined behind one that waits is free': [
        'this.#placeOf(head, REQUEST)',
        'this.#placeOf(head, 0)',
      ],
      'what was pipelined behind one that waited stays charged': [
        '    place.release();\n    const isGone',
        '    const isGone',
      ],
      'who goes while it is behind one that waits is let in': [
        'return isGone ? REFUSED : this.#decide(request, req);',
        'return this.#decide(request, req);',
      ],
      'a connection on which somebody waited is kept': [
        'this.#lines.get(socket) === line && this.#lines.delete(socket)',
        '{}',
        { equivalent: 'its promise is settled, and the next one replaces it: memory alone' },
      ],
      'memory that runs out refuses also who can wait': [
        'if (settings.wait === null) throw pressureError();',
        'if (isCritical()) throw pressureError();',
      ],
      'who is served while memory runs out is let in': [
        'if (isCritical() && !request.isOver) await calm(signal, end - time.now());',
        '',
      ],
      'who goes while memory runs out keeps its place': [
        "    signal.addEventListener('abort', done);\n",
        '',
      ],
      'who waits for memory has no end': [
        'const timer = time.setTimeout(expire, Math.max(1, ms));',
        'const timer = undefined;',
      ],
      'who waited for memory too long keeps its charge': [
        '      charge?.release();\n      if (length',
        '      if (length',
      ],
      'who goes is not told': [
        'charge = await budget.acquire(bytes, { signal, timeoutMs });',
        'charge = await budget.acquire(bytes, { timeoutMs });',
      ],
      'who waits has no end': [
        'charge = await budget.acquire(bytes, { signal, timeoutMs });',
        'charge = await budget.acquire(bytes, { signal });',
      ],
      'who waits is charged nothing': [
        'place = this.#placeOf(request, REQUEST + roomOf(req, length));',
        'place = this.#placeOf(request, 0);',
      ],
      'what has come of who waited stays charged': ['      place?.release();\n', ''],
      'who has waited waits for ever': ['if (place !== undefined) this.#waiting--;', ''],
      'who cannot wait never fits': [
        'error.status === 413 ? Object.assign(error, { status: 503 }) : error;',
        'error;',
      ],
      'one key may have all the room to wait': [
        'key === null ? this.#room : this.#keys.roomOf(key, this.#room)',
        'this.#room',
      ],
      'each admission has a room to wait': ['if (room === undefined) {', 'if (true) {'],
      'what never fits comes again': ['error.status === 413 ? 413 : isKeys', 'isKeys'],
      "a key's refusal is the server's": ['isKeys ? 429 : 503', '503'],
      "the server's refusal is a key's": ['isKeys ? 429 : 503', 'key !== null ? 429 : 503'],
      'a fault of the program is a refusal': [
        'if (!(error instanceof RallocError)) throw error;',
        '',
        { equivalent: 'nothing that can be had throws another error there' },
      ],
      'refusals are not counted': ['    this.#refused[status]++;\n', ''],
      'nobody is told which budget was full': ['    this.#lastRefusal = error.message;\n', ''],
      'a key keeps its requests': ['if (request.key !== null) this.#keys.leave(request.key);', ''],
      'what is over is looked at': ['if (request.isListed) this.open.remove(request);', ''],
      'nobody is warned of Expect': ["warnOnce('RALLOC_CONTINUED')", 'undefined'],
      'a warning although it is attached': ['this.#passed === null && /100', '/100'],
      'attach() takes a second listener': [
        "if (server.listenerCount('checkContinue') > 0) {",
        'if (false) {',
      ],
      'who was asked is charged again': ['if (this.#passed?.delete(req)) return undefined;', ''],
      'who asked is not told to go on': ['      res.writeContinue();\n', ''],
      'who waits is told to go on': [
        'else if (outcome !== REFUSED) outcome.then((late)',
        'else if (outcome !== REFUSED) goOn(true), outcome.then((late)',
      ],
      'a handler is called for who is refused': [
        'if (outcome !== REFUSED) outcome.then((late) => late === REFUSED || next(), next);',
        'if (outcome !== REFUSED) outcome.then(() => next(), next); else next();',
      ],
    },
  },
  {
    file: 'admission/body.js',
    tests: [lets, random],
    mutants: {
      'an end after the headers is a body': [
        'stream.endAfterHeaders === true ? 0 : UNKNOWN',
        'UNKNOWN',
      ],
      'chunked is no body': ["headers['transfer-encoding'] === undefined ? 0 : UNKNOWN", '0'],
      'a chunk of a byte counts a byte': ['if (bytes < CHUNK) this.#beyond += CHUNK - bytes;', ''],
      'a chunk is not counted': ['    this.#counted += bytes;\n', ''],
      'what is inflated is not counted': ['watchPipes(req, (bytes) =>', 'void ((bytes) =>'],
      'identity is a coding': [
        "encoding === undefined || encoding.toLowerCase() === 'identity'",
        'encoding === undefined',
        { equivalent: 'what is not piped into anything that pushes is counted as before' },
      ],
      'a decoder of a body that is cut goes on': [
        '!this.#isCut && this.#takes(bytes)',
        'this.#takes(bytes)',
        {
          equivalent: 'one that is told `false` makes no more until it is read, which never comes',
        },
      ],
      'who reads takes a part for all': [
        '    return !this.#isCut;\n  }\n\n  /** An upper',
        '    return true;\n  }\n\n  /** An upper',
        {
          equivalent:
            'where the response is over, who reads is told the error before it comes to the end of what it has',
        },
      ],
      'what had come is not counted': ['    this.#counted = this.#soFar();\n', ''],
      'what came early is more than announced': [
        'Math.min(this.announced, socket.bytesRead - this.#before + READ)',
        'socket.bytesRead - this.#before + READ',
        {
          equivalent:
            'no more counts than is announced, and what is kept for one that has all is all',
        },
      ],
      'all that counts is within what is announced': [
        'return Math.min(this.#counted, most) + this.#beyond;',
        'return Math.min(this.#counted + this.#beyond, most);',
      ],
      'a body that had come is waited for': [
        'if ((req.stream ?? req)._readableState?.ended === true) this.isComplete = true;',
        '',
      ],
      'the handler is not told': [
        "if (stream.listenerCount('error') > 0) stream.destroy(error);\n      else stream.destroy();",
        '',
      ],
    },
  },
  {
    file: 'admission/request.js',
    tests: [lets, waits],
    mutants: {
      'what comes beyond the promise is not charged': [
        'if (arrived <= this.#promised) return true;',
        'return true;',
      ],
      'it is charged again and again': ['    this.#promised = arrived;\n', ''],
      'what outgrows the budget goes on': [
        '      this.#refuseLate(error);\n      return false;',
        '      return true;',
      ],
      'who has priority is cut off': [
        'if (this.#isForced) setCharge(this.#charge, this.#charge.bytes + more);\n      else ',
        '',
      ],
      'what was not needed stays charged': [
        'else if (this.#charge !== null) this.#keep(this.#body.arrived);',
        '',
      ],
      'what had come keeps its promise': [
        '    if (this.#body.isComplete) this.comesToEnd();\n',
        '',
      ],
      'what outgrew its promise while it waited is let in': [
        '    if (!this.takes()) return false;\n    if',
        '    this.takes();\n    if',
        { tests: [waits] },
      ],
      'slow readers are free': ['if (unsent !== this.#unsent) this.#chargeUnsent(unsent);', ''],
      'slow readers are charged again and again': ['    this.#unsent = unsent;\n', ''],
      'what trickles keeps what it announced': ['    this.#keep(kept);\n', ''],
      'what trickles keeps no room for more': [
        'const kept = came + AHEAD * (came - this.#seen);',
        'const kept = came;',
        {
          equivalent:
            'it grows again where there is room; what it saves is refusals of bodies that are slow for a while',
        },
      ],
      'a paused body gives its room up': [
        'body.isComplete || body.isPaused || this.#refusal',
        'body.isComplete || this.#refusal',
      ],
      'small pieces that come late count as they are': ['if (!body.isWatched) body.watch();', ''],
      'a look at each tick': ['|| ++this.#looks < LOOKS) return;', ') return;'],
      'the charge outlives the response': [
        '    this.#charge?.release();\n    this.#admission.ended',
        '    this.#admission.ended',
      ],
      'it ends twice': [
        '    if (this.isOver) return;\n    this.isOver = true;',
        '    this.isOver = true;',
        { tests: ['admission/adapters.test.js'] },
      ],
      'who waits is not told that the client has gone': [
        '    this.#abort?.abort();\n',
        '',
        { tests: [waits] },
      ],
      'a part is taken for all': [
        '    this.#body.fail(error);\n    time',
        '    time',
        { tests: [lets, random] },
      ],
      'HTTP/2: a body that nobody reads to its end stays charged': [
        "this.#req.stream?.once('finish', () => this.#refusal !== null || this.end());",
        '',
      ],
      'HTTP/2: a refused stream stays open': ['this.#refusal !== null || this.end()', 'this.end()'],
      'a slow client is cut off': ['return ++this.#stalled * TICK_MS >= stallMs &&', 'return'],
      'who takes nothing is cut off for nobody': [
        ' && this.#admission.pressed > this.#pressed',
        '',
      ],
      'who takes nothing stays for ever': [
        'if (unsent > 0 && this.#isStalled()) this.#admission.cut(this.#req.socket);',
        '',
      ],
      'who begins to take is cut off': ['      this.#stalled = 0;\n', ''],
      'what is cut stays charged': ['this.isOver || this.#keep(0)', '{}'],
      'what is refused reaches the handler': ['    this.#body.cut();\n', ''],
    },
  },
  {
    file: 'admission/refusal.js',
    tests: [lets],
    mutants: {
      'all come again at once': ['(1 + Math.random())', '2'],
      'seconds are milliseconds': [
        'Math.round((ms / 1000) * (1 + Math.random()))',
        'Math.round(ms * (1 + Math.random()))',
      ],
      'what never fits comes again': [
        "if (status !== 413) headers['Retry-After']",
        "headers['Retry-After']",
      ],
      'nobody is told when': [
        "if (status !== 413) headers['Retry-After']",
        "if (false) headers['Retry-After']",
      ],
      'a large body keeps its connection': [
        "if (stream === undefined && left > KEPT_ALIVE) headers.Connection = 'close';",
        '',
      ],
      'a small body costs its connection': ['left > KEPT_ALIVE)', 'left > 0)'],
      'an answer that has begun is answered': [
        'if (res.headersSent) return this.#cutOff(ENHANCE_YOUR_CALM);',
        'if (res.headersSent) return;',
      ],
      'a stream is reset while its client sends': [
        '    if (isComplete) return;',
        '    stream?.close(NO_ERROR);\n    if (isComplete) return;',
      ],
      'HEAD is answered with a body': [
        'else if (isHead) res.flushHeaders();\n    else res.write(text);',
        'else res.write(text);',
      ],
      'a client sends for ever': ['if (this.#left < 0) this.#cutOff(ENHANCE_YOUR_CALM);', ''],
      'a client takes its time': [
        'this.#timer = time.setTimeout(() => this.#cutOff(NO_ERROR), DRAIN_MS);',
        'this.#timer = time.setTimeout(() => {}, DRAIN_MS);',
      ],
      'a timer stays': [
        '  over() {\n    time.clearTimeout(this.#timer);',
        '  over() {',
        { tests: ['admission/endings.test.js', lets] },
      ],
      'a body that is refused has no end': ['if (!this.#res.writableEnded) this.#end();', ''],
      'a handler that answers too is thrown at': [
        '    for (const name of HEADERS) res[name] = () => res;\n',
        '',
      ],
      'an answer of a handler has no end': [
        '    this.#end = () => end.call(res);\n',
        '    this.#end = () => res.end();\n',
      ],
      'a refused body stays paused': [
        '    req._read?.(0); // continues if it was paused\n',
        '',
        { tests: [waits, random] },
      ],
    },
  },
  {
    file: 'admission/keys.js',
    tests: [lets, waits],
    mutants: {
      'who waits has all the room': ['Math.floor(room.stats().limit / 2)', 'room.stats().limit'],
      'a room to wait stays': ['      room?.close();\n', '', { tests: [waits] }],
      'a key may be anything': ["if (typeof key === 'string') return key;", 'return key;'],
      'a key has all': [
        'maxBytesPerKey ?? Math.floor(budget.stats().limit / 2)',
        'budget.stats().limit',
      ],
      'there are keys without end': ['if (this.#all.size >= maxKeys) key = OTHERS;', ''],
      'keys beyond are nobody': [
        'key = OTHERS;',
        "key = '';",
        { equivalent: 'but for its name, and a key that is empty' },
      ],
      'a key that is known is another': ['if (!this.#all.has(own) && this', 'if (this'],
      'idle keys have a place': ['      this.sweep();\n', ''],
      'the budget of an idle key stays': ['      budget.close();\n', ''],
      'an idle key stays': ['      this.#all.delete(key);\n', ''],
      'a key that has come again is dropped': ['requests > 0 || this.#all', 'this.#all'],
      'a key leaves with its first request': [
        '    if (--entry.requests > 0) return;\n',
        '    entry.requests--;\n',
      ],
    },
  },
  {
    file: 'admission/open.js',
    tests: [lets],
    mutants: {
      'nobody looks': ['      request.look();\n', ''],
      'it looks for ever': [
        '    if (this.size > 0) return;\n',
        '    return;\n',
        { tests: ['admission/endings.test.js'] },
      ],
      'it looks once': ['    if (this.size > 0) return;\n', ''],
      'idle keys are not dropped': ['    this.#afterTick();\n', ''],
      'the timer keeps the process': ['    this.#timer.unref?.();\n', ''],
    },
  },
  {
    file: 'admission/fastify.js',
    ...everywhere,
    mutants: {
      'Fastify answers once more': [
        'if (outcome === REFUSED) reply.hijack();',
        'if (outcome === REFUSED) done();',
      ],
    },
  },
  {
    file: 'admission/koa.js',
    ...everywhere,
    mutants: {
      'Koa calls the handler': ['if (outcome !== REFUSED) return next();', 'return next();'],
    },
  },
  {
    file: 'admission/hono.js',
    ...everywhere,
    mutants: {
      'Hono calls the handler': ['outcome === REFUSED ? answered() : next()', 'next()'],
    },
  },
];
