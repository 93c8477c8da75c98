'use strict';

const sampling = ['tools/recorder/sampling.test.js'];
const budget = ['tools/recorder/budget.test.js'];
const recorder = ['tools/recorder/recorder.test.js'];
const requests = ['tools/recorder/requests.test.js'];
const transfers = ['tools/recorder/transfers.test.js'];
const own = ['tools/recorder/own.test.js'];
const profiler = ['tools/recorder/profiler.test.js'];
const pins = ['tools/recorder/pins.test.js'];
const unchanged = ['tools/recorder/unchanged.test.js'];
const bodies = ['tools/recorder/bodies.test.js'];
const collections = ['tools/recorder/collections.test.js'];

module.exports = [
  {
    file: 'tools/recorder/sampling.js',
    tests: sampling,
    mutants: {
      'a distance that is always the mean': [
        'Math.floor(this.#random.exponential() * this.#mean)',
        'Math.floor(this.#mean)',
      ],
      'each sample stands for a mean distance': [
        'return 1 / chance(bytes, this.#mean);',
        'return this.#mean / bytes;',
      ],
      'a changed mean keeps the distance': [
        '    this.draw();\n  }\n\n  /** Begins',
        '  }\n\n  /** Begins',
      ],
      'each step of a detour is a sample': ['if (this.#rest >= 0) return false;', ''],
    },
  },
  {
    file: 'tools/recorder/budget.js',
    tests: budget,
    mutants: {
      'nothing is doubled': ['return this.#set(2, now);', 'return this.#set(1, now);'],
      'nothing is halved': ['? 0.5 : 1, now)', '? 1 : 1, now)'],
      'each look doubles while it is overdrawn': [
        '      this.#least = this.#balance - this.#share * LENT;\n',
        '',
      ],
      'a fixed one moves': ['if (!this.#isFixed && next !== mean)', 'if (next !== mean)'],
      'an idle thread earns nothing': [
        'Math.max(Math.min(used - this.#used, since), since * IDLE)',
        'Math.min(used - this.#used, since)',
      ],
      'the rest is at the expense of samples': [
        'Math.max(whole - this.#other, whole * OF_SAMPLES)',
        'whole - this.#other',
      ],
      'by the clock on the wall': [
        'const usedSince = Math.max(Math.min(used - this.#used, since), since * IDLE);',
        'const usedSince = since;',
      ],
    },
  },
  {
    file: 'tools/recorder/collections.js',
    tests: collections,
    mutants: {
      'a major one does not count': ['this.before(Number.POSITIVE_INFINITY)', 'this.lastMinor'],
      'one that V8 did not want costs its pause alone': [
        'const COST = 5;',
        'const COST = 1;',
        { tests: ['tools/recorder/sufficient.test.js'] },
      ],
    },
  },
  {
    file: 'tools/recorder/samples.js',
    tests: collections,
    mutants: {
      'the old are looked for': [
        'this.#living.size > 0 &&\n      this.#collections.promotedAt(this.#newest) === Number.POSITIVE_INFINITY',
        'this.#living.size > 0',
      ],
    },
  },
  {
    file: 'tools/recorder/patches/buffers.js',
    tests: recorder,
    mutants: {
      'a view over memory is an allocation': [
        'if (isAnyArrayBuffer(value)) passed();\n  else sampled(',
        'sampled(',
      ],
      'concat counts twice': [
        'if (countdown[0] !== before || !Buffer.isBuffer(buffer))',
        'if (!Buffer.isBuffer(buffer))',
      ],
    },
  },
  {
    file: 'debug/stack/stack.js',
    tests: unchanged,
    mutants: {
      'prepareStackTrace stays': ["    set('prepareStackTrace', isStuck ? undefined : own);\n", ''],
      'stackTraceLimit stays changed': [
        '    if (isPlain) OfV8.stackTraceLimit = limit.value;\n    else set',
        '    if (!isPlain) set',
      ],
      'stackTraceLimit stays': ["    else set('stackTraceLimit', limit);\n", ''],
    },
  },
  {
    file: 'base/patches.js',
    tests: unchanged,
    mutants: {
      'what was replaced since is put back too': [
        '?.value !== wrapper) return;',
        '?.value === undefined) return;',
      ],
      'wrappers look like wrappers': ['dress(make(original), original)', 'make(original)'],
      'what a spy has brought back is replaced again': [
        'const original = withoutOver(object?.[name]);',
        'const original = object?.[name];',
        { tests: ['debug/put-back.test.js'] },
      ],
      'what a spy has brought back is put back': [
        'value: withoutOver(before.value)',
        'value: before.value',
        { tests: ['debug/put-back.test.js'] },
      ],
    },
  },
  {
    file: 'tools/recorder/patches/streams.js',
    tests: requests,
    mutants: {
      'responses do not tell of their end': [
        "  patches.method(prototype, 'emit', closing(requests, prototype));\n",
        '',
      ],
      'no response tells of its end': ["if (args[0] === 'close') requests.finish(this);", ''],
      'no request begins': ["event === 'request' || ", ''],
      'streams of HTTP/2 are no requests': ["event === 'stream' && ", 'false && '],
      'chunks of HTTP/2 are seen each time as often as there were streams': [
        'seen.add(prototype);',
        '',
      ],
    },
  },
  {
    file: 'tools/recorder/patches/streams.js',
    tests: profiler,
    mutants: {
      'modules that are loaded later are not seen': [
        "  patches.method(net.Server.prototype, 'emit', make);\n",
        '',
      ],
      'https is loaded to be patched': ["mayHaveLoaded('https')", 'true'],
    },
  },
  {
    file: 'tools/recorder/requests.js',
    tests: requests,
    mutants: {
      'no request ends': ['    this.end = time.now();\n', ''],
      'each address is a route': ["NAME.test(part) ? ':id' : part", 'part'],
      'routes without end': ['known.size >= MOST_ROUTES', 'false'],
      'a context stays where the parser did not call': [
        '|| !isParsing(stream)',
        '',
        { since: [24, 0] },
      ],
      'a context stays with its connection': ['!this.#canEnter || ', ''],
    },
  },
  {
    file: 'tools/recorder/patches/all.js',
    tests: transfers,
    mutants: {
      'what is sent is not told': ['if (ab.byteLength === 0) samples.leave(ab, TRANSFERRED);', ''],
      'what stays is told': [
        'if (ab.byteLength === 0) samples.leave(ab, TRANSFERRED);',
        'samples.leave(ab, TRANSFERRED);',
      ],
      'transfer(0) moves': ['moved.byteLength === 0 ? DIED : TRANSFERRED', 'TRANSFERRED'],
    },
  },
  {
    file: 'tools/recorder/patches/own.js',
    tests: own,
    mutants: {
      'what another method counted counts again': [
        'if (countdown[0] !== before || buffer === null || uses > 0)',
        'if (buffer === null || uses > 0)',
      ],
      'use() leaves its Buffer': ['buffer === null || uses > 0', 'buffer === null'],
      'free() is not heard': [
        "  patches.method(prototype, 'free', ending(samples, events.DIED));\n",
        '',
      ],
    },
  },
  {
    file: 'tools/recorder/pins.js',
    tests: pins,
    mutants: {
      'each slice is alone': [
        'const share = watched === 0 ? 0 : mean(({ slice }) => livingIn(slice)) / watched;',
        'const share = 0;',
      ],
      'other memory ends the look for neighbours': [
        'if (!isPart) return this.pass();',
        'if (!isPart) return this.end();',
      ],
      'who has no neighbours is alone': [
        'samples.filter(({ slice }) => slice.neighbours.length > 0 || slice.isFull)',
        'samples',
      ],
      'all neighbours live': ['(isGone ? parts : bytes)', 'bytes'],
      'a Buffer that is dead pins nothing': ['(slice === null ? bytes - used : 0)', '0'],
    },
  },
  {
    file: 'base/wrap.js',
    tests: bodies,
    mutants: {
      'a profiler is a patch': [' ?? globalThis[kProfiler]?.originalOf(method)', ''],
    },
  },
];
