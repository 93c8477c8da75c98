'use strict';

// Of what is watched in debug mode, and what is told of it.

const arenas = ['debug/arenas.test.js'];
const freed = ['debug/freed.test.js'];
const observed = ['arena/observed.test.js'];
const requests = ['debug/requests.test.js'];
const methods = ['debug/methods.test.js'];

module.exports = [
  {
    file: 'debug/watch/sampling.js',
    tests: ['debug/sampling.test.js'],
    mutants: {
      'off watches some': ["if (settings.level === 'off')", 'if (false)'],
      'any number in a period': ['if (++count >= MOST) pause();', ''],
      'periods have no end': ['if (now - begin >= PERIOD_MS)', 'if (begin < 0)'],
      'nothing is watched any more': ['timer ??= time.setTimeout(restart, PERIOD_MS);', ''],
      'the process waits': ['    timer.unref?.();\n', ''],
      'all has an end too': [' || settings.sampleEvery === 1', ''],
      'a pause outlives what is configured': ['  time.clearTimeout(timer);\n', ''],
    },
  },
  {
    file: 'debug/watch/own-memory.js',
    tests: [...arenas, ...freed],
    mutants: {
      'no red zone behind': ['    bytes.fill(ZONE_BYTE, ZONE + size);\n', ''],
      'no poison in what is new': ['if (!zero) bytes.fill', 'if (false) bytes.fill'],
      'damage is told each time': ['    this.#isDamaged = true;\n', ''],
      'the end does not look at the zones': [
        '    this.verify(this.ab, ended);\n',
        '',
        { tests: requests },
      ],
      'what is dead is not poisoned': ['    delayQueue.add(own, ZONE, this.record);\n', ''],
    },
  },
  {
    file: 'debug/watch/span-watch.js',
    tests: arenas,
    mutants: {
      'holds are not waited for': ['epoch.finished && epoch.claims !== null', 'false'],
      'an end that is told again is another one': ['this.#isOver || ', ''],
      "'gc' ends its Buffers": ["owner.settings.safety === 'gc' || ", ''],
      'a client that goes away is misuse': [
        '(!epoch.finished && status === undefined)',
        'false',
        { tests: requests },
      ],
      'a 503 is told as a death': [
        "epoch.death === 'response' ? status : undefined",
        'undefined',
        { tests: requests },
      ],
      'a 503 ends nothing': [
        'res?.statusCode >= 500',
        'res?.statusCode >= 600',
        { tests: requests },
      ],
      'nobody looks for what is kept': [
        "end.how === 'response' && end.isDead && look(record)",
        'false',
        { tests: requests },
      ],
      'operations in flight are not told': ['if (end.isDead && witness?.count > 0)', 'if (false)'],
      'a body has no record': ['    this.#records.push(record);\n', '', { tests: requests }],
    },
  },
  {
    file: 'memory/adopted-spans.js',
    tests: arenas,
    mutants: {
      'nobody hears that a span is gone': ['    observing.observer?.gone(span);\n', ''],
      'a sole span is freed as any other': [
        'isSole ? detach(ab) : undefined',
        'undefined',
        { tests: observed },
      ],
    },
  },
  {
    file: 'memory/span.js',
    tests: observed,
    mutants: {
      'nobody hears that holds are gone': ['    observing.observer?.gone(span);\n', ''],
    },
  },
  {
    file: 'arena/window.js',
    tests: methods,
    mutants: {
      'a reset in place ends nothing': ['    observing.observer?.ended(epoch, 0, owner);\n', ''],
    },
  },
  {
    file: 'debug/watch/arenas.js',
    tests: arenas,
    mutants: {
      'operations without the guard are not seen': ['memory.watchOperations(ab)', 'undefined'],
      'of a list only the first is noted': [
        'of [found].flat())',
        'of [found].flat().slice(0, 1))',
        { tests: methods },
      ],
    },
  },
  {
    file: 'debug/watch/freed.js',
    tests: freed,
    mutants: {
      'the guard does not keep the memory': [
        'witness.count > 0 && memory.core.settings.guard',
        'false',
      ],
      'closing ends nothing': ['for (const memory of all) end(memory, ended);', ''],
      'views of them are of no slab': ['memoryOf(ab)?.core === core', 'false'],
      'views do not end': ['  endViews(record);\n', ''],
      'what was sent is not in what is received': [
        "if (bytes === 'sent')",
        'if (false)',
        { tests: methods },
      ],
    },
  },
  {
    file: 'memory/observed-methods.js',
    tests: methods,
    mutants: {
      'allocUnsafe() with another argument is not watched': [
        "bytes === 'zeros' && fill !== undefined",
        'fill !== undefined',
      ],
      'methods stay when nobody observes': [
        '    this.#patches?.restore();\n',
        '',
        { tests: arenas },
      ],
    },
  },
  {
    file: 'arena/observed.js',
    tests: arenas,
    mutants: {
      'all are watched in sample': [
        '    if (!observer.picks()) return original.call(this, size);\n',
        '',
      ],
      'what alloc() fills is not watched': ['value !== undefined || !observer.picks()', 'true'],
    },
  },
  {
    file: 'site/observed.js',
    tests: methods,
    mutants: {
      'sites cut Buffers that nobody sees': ['allocUnsafe: asking', 'allocUnsafe: BY_ANOTHER'],
    },
  },
  {
    file: 'debug/watch/record.js',
    tests: methods,
    mutants: {
      'views of a body are not seen': ['if (record !== undefined) note(part, record);', ''],
    },
  },
  {
    file: 'node/guard/operation.js',
    tests: methods,
    mutants: {
      'what nothing holds is not told': [
        '    observing.observer?.unheld(value, kind);\n    return undefined;',
        '    return undefined;',
      ],
      'what is passed on is not told': [
        '    observing.observer?.unheld(value, kind); // for debug mode\n',
        '',
      ],
    },
  },
  {
    file: 'debug/watch/kept.js',
    tests: requests,
    mutants: {
      'what Node keeps of a request is told': ['|| arena?.deref() !== undefined', ''],
      'nothing is told': ["  report('kept', { record });\n", ''],
    },
  },
  {
    file: 'debug/watch/functions.js',
    tests: [...arenas, 'debug/functions.test.js'],
    mutants: {
      'options are not looked into': ['arg?.input', 'undefined'],
      'messages are not looked at': [
        'sharing(named(of, name), tellingOfAny)',
        'sharing(named(of, name), () => (one) => one)',
      ],
      'subarrays are not seen': ['    notePart(made, this);\n', ''],
      'methods that are borrowed tell nothing': [
        'return isDead(this) ? tell.call(this, a, b, c, d) : original',
        'return original',
        { tests: ['debug/functions.test.js'] },
      ],
      'lists are not looked into': ['const found = arg.find(isDead);', 'const found = undefined;'],
    },
  },
  {
    file: 'debug/watch/dead-buffer.js',
    tests: arenas,
    mutants: {
      'an error has no cause': ['if (error.cause === undefined)', 'if (false)'],
      'methods that call others tell of each': ['depth === 0 ?', 'true ?'],
    },
  },
  {
    file: 'debug/watch/calls.js',
    tests: ['debug/calls.test.js'],
    mutants: {
      'a message has no name': ["kind === 'http' && consumer !== undefined", 'false'],
      'modules are types': ['MODULES.has(type)', 'false'],
    },
  },
  {
    file: 'debug/stack/frames.js',
    tests: ['debug/calls.test.js'],
    mutants: {
      'what stands in many places has one name': [
        'if (!name.startsWith(GUARD)) return position;',
        'return position;',
      ],
    },
  },
  {
    file: 'debug/watch/witness.js',
    tests: ['debug/in-operations.test.js'],
    mutants: {
      'streams of the program are operations': [
        "  return kind !== 'stream' || consumer instanceof net.Socket;",
        '  return true;',
      ],
      'who went away throws': ['if (this.#record.ended.isDead) used', 'used'],
      'with the guard the callback finds nothing': [
        'this.#guarded === undefined; // freeing the',
        'true; // freeing the',
      ],
      'web streams have copies': [
        '    return this.#guarded === undefined;\n  }\n\n  /** Whether the guard',
        '    return false;\n  }\n\n  /** Whether the guard',
      ],
    },
  },
  {
    file: 'debug/watch/shared.js',
    tests: freed,
    mutants: {
      'only what is sent alone is found': [
        'else if (Array.isArray(value) || value instanceof Set) open.push(...value);',
        '',
      ],
    },
  },
];
