'use strict';

const overflow = ['request/overflow.test.js'];
const route = ['request/route.test.js'];
const charge = ['request/room.test.js'];
const adapters = ['adapters/policies.test.js'];

module.exports = [
  {
    file: 'request/heap-share.js',
    tests: overflow,
    mutants: {
      'the heap has no limit': ['if (full !== null) throw', 'if (false) throw'],
      'heap Buffers are not charged': ['    budget.force(size); // no call from here on\n', ''],
      'the peak stays behind': ['if (this.#peak < used) this.#peak = used;', ''],
      'the peak is without those whom the guard came too late for': [
        'const used = this.#used + size;',
        'const used = this.budget.used + size;',
      ],
      'refusals are not counted': ['    this.#counts.refused++;\n', ''],
      'secrets on the heap share an ArrayBuffer': [
        'return wipe ? Buffer.allocUnsafeSlow(size) : Buffer',
        'return Buffer',
      ],
      'late Buffers are not counted': [
        'counts.lateBuffers++;',
        '',
        { tests: ['request/late.test.js'] },
      ],
      'zeroed heap Buffers are not': [
        'if (zero) return Buffer.alloc(size);',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
    },
  },
  {
    file: 'request/request.js',
    tests: overflow,
    mutants: {
      'an answer before the body is not told of': [
        "if (finished) warnOnce('RALLOC_BODY_UNREAD', this.describe(), arenas);",
        '',
        { tests: ['request/body-ended.test.js'] },
      ],
      'a client that goes away is told of': [
        'if (finished) warnOnce',
        'warnOnce',
        { tests: ['request/body-ended.test.js'] },
      ],
      'what is late has the share of the heap': [
        'this.isOver ? null : arenas.heapFor(size, this.isUnguarded)',
        'arenas.heapFor(size, this.isUnguarded)',
      ],
      'what the system refuses has no status': ['      refusal.status = 503;\n', ''],
      'the heap serves whatever onOverflow says': ['return onHeap;', 'return true;'],
      'what is late is on the heap': [
        "this.isOver ? 'after the response' : 'on the heap'",
        "'on the heap'",
        { tests: charge },
      ],
    },
  },
  {
    file: 'request/requests.js',
    tests: overflow,
    mutants: {
      'the heap serves while much is in quarantine': [
        'if (!this.#refuses) return this',
        'return this',
      ],
      'whom the guard came too late for has the share of the heap': [
        'if (isUnguarded) return this.heap.unguarded;',
        '',
        { tests: ['node/guard/install.test.js'] },
      ],
      'another status': ["about('maxBytesPerRequest', 413)", "about('maxBytesPerRequest', 503)"],
      'who has all of what requests have is answered without a status': [
        'this.#about(option, 503)',
        'this.#about(option)',
      ],
      'its memory has no name': [
        'name: this.settings.name, status',
        "name: '', status",
        { tests: ['mistakes/budgets.test.js'] },
      ],
      'nothing serves after close()': [
        "onOverflow === 'error' && this.#closing === null",
        "onOverflow === 'error'",
      ],
      'ticks are never short': [
        'Math.min(Math.max(longMs, SHORTEST_TICK_MS), LONGEST_TICK_MS)',
        'LONGEST_TICK_MS',
        { tests: ['request/long.test.js'] },
      ],
      'each is told of': [
        'if (++this.#longRequests > MOST_WARNINGS ||',
        'if (++this.#longRequests < 0 ||',
        { tests: ['request/long.test.js'] },
      ],
      'without a limit of time all are long': [
        'warnAfterMs === 0 ? Number.POSITIVE_INFINITY : warnAfterMs',
        'warnAfterMs',
        { tests: ['request/long.test.js'] },
      ],
      'a route cannot wipe what waits for the collector': [
        'mayWipe: true,',
        'mayWipe: wipe,',
        { tests: route },
      ],
    },
  },
  {
    file: 'request/options.js',
    tests: overflow,
    mutants: {
      'half of maxBytes on the heap': [
        'Math.max(Math.floor(maxBytes / 4), maxBytesPerRequest)',
        'Math.max(Math.floor(maxBytes / 2), maxBytesPerRequest)',
      ],
      'one request may be too large for the heap': [
        'Math.max(Math.floor(maxBytes / 4), maxBytesPerRequest)',
        'Math.floor(maxBytes / 4)',
      ],
      'a route may have more than all': [
        '  checkPerRequest(own, base.maxBytes);\n',
        '',
        { tests: route },
      ],
    },
  },
  {
    file: 'request/skip.js',
    tests: adapters,
    mutants: {
      'what is no boolean leaves nobody out': [
        'if (answer === false) return',
        'if (answer !== true) return',
      ],
      'what is no boolean leaves out': ['if (answer === true) return', 'if (answer) return'],
      'what is forgotten is left out': [
        'if (maySkip) return undefined;',
        'return undefined;',
        { tests: route },
      ],
      'who is left out was forgotten': ['if (maySkip) return undefined;', ''],
    },
  },
  {
    file: 'arena/window.js',
    tests: charge,
    mutants: {
      'a theft is charged with all that went': [
        '    retract(this.#span, this.cursor, this.owner);\n    this.#set(',
        '    this.#set(',
      ],
      'chunks grow with each theft': ['    this.epoch.cutShort++;\n', ''],
    },
  },
  {
    file: 'arena/window.js',
    tests: ['arena/window.test.js'],
    mutants: {
      'pieces of 64 KiB': ['CUT_SPAN = 16 * 1024', 'CUT_SPAN = 64 * 1024'],
      'pieces never grow': ['CUT_SPAN << Math.max(Math.min(pieces, 4), 0)', 'CUT_SPAN'],
      'pieces grow for ever': ['Math.max(Math.min(pieces, 4), 0)', 'Math.max(pieces, 0)'],
      'a piece after thefts has no bytes': [
        'Math.max(Math.min(pieces, 4), 0)',
        'Math.min(pieces, 4)',
        { tests: charge },
      ],
    },
  },
  {
    file: 'base/errors.js',
    tests: adapters,
    mutants: {
      'Hono answers 500': [
        "  Object.defineProperty(error, 'getResponse', { value: getResponse });\n",
        '',
      ],
      'the others answer 500': ['{ status, statusCode: status }', '{}'],
    },
  },
  {
    file: 'request/mount.js',
    tests: adapters,
    mutants: {
      'skip() is not asked': ['const skipped = this.skipped(req)', 'const skipped = undefined'],
    },
  },
  {
    file: 'express.js',
    tests: adapters,
    mutants: {
      'a route passes no error on': [
        'route.faultOf(req[property]);',
        'undefined;',
        { tests: route },
      ],
    },
  },
  {
    file: 'fastify.js',
    tests: adapters,
    mutants: {
      'options of a route are not looked at': [
        'const options = request.routeOptions.config?.ralloc;',
        'const options = undefined;',
      ],
      'wrong ones are known too late': [
        '    if (config?.ralloc !== undefined) mount.routeOf(config.ralloc);\n',
        '',
      ],
      'skip() is not asked': ['mount.skipped(request)', 'undefined'],
    },
  },
  {
    file: 'koa.js',
    tests: adapters,
    mutants: {
      'skip() is not asked': ['mount.skipped(ctx)', 'undefined'],
      'options of a route are not looked at': ['      route.use(ctx?.[property]);\n', ''],
    },
  },
  {
    file: 'hono.js',
    tests: adapters,
    mutants: {
      'skip() is not asked': ['mount.skipped(c)', 'undefined'],
      'options of a route are not looked at': ['      route.use(c.get(property));\n', ''],
    },
  },
  {
    file: 'nest.js',
    tests: adapters,
    mutants: {
      'options of a route are not looked at': [
        '    if (arena !== undefined) route.use(arena);\n',
        '',
      ],
      'messages are requests': [
        "if (context.getType() !== 'http')",
        'if (false)',
        { tests: ['adapters/nest.test.js'] },
      ],
    },
  },
];
