'use strict';

// All of the table, whatever the version of Node.
const endings = { tests: ['adapters/endings.test.js'], env: { RALLOC_BUDGET: 'soak' } };
const mistakes = ['adapters/mistakes.test.js'];
const ofHttp = ['adapters/http.test.js'];
const ofFastify = ['adapters/fastify.test.js'];
const taken = ['adapters/taken.test.js'];

module.exports = [
  {
    file: 'request/mount.js',
    tests: mistakes,
    mutants: {
      'nothing is taken': [
        'return this.property in holder && holder[this.property]?.[kOfRequest] !== true;',
        'return false;',
      ],
      'the arena under another name is not found': [
        '(several ? req[kRequestArena] : undefined)',
        'undefined',
      ],
      'others are not told of the arena': [
        'if (several) Reflect.set(req, kRequestArena, arena);',
        '',
      ],
      'a frozen request that has its arena is refused': [
        '      if (holder[property] === arena) return undefined;',
        '      //',
        { tests: taken },
      ],
      'what a frozen request began goes on': [
        'if (ownerOf(arena)?.arenas === this.#arenas) arena[kEndRequest]();',
        '',
        { tests: taken },
      ],
      'what another mount began is ended': [
        'if (ownerOf(arena)?.arenas === this.#arenas) arena',
        'arena',
        { tests: taken },
      ],
      'a face without its mark': ['      [kMounted]: true,\n', ''],
      'a new one for every door': ['options instanceof Mount ? options : new', 'new'],
    },
  },
  {
    file: 'request/messages.js',
    tests: mistakes,
    mutants: {
      'any version of Fastify': ['Number.parseInt(app.version, 10) !== 5', 'false'],
      'registered twice': ['if (app.arenas?.[kMounted] === true)', 'if (false)'],
      'a name of the application that is taken': ["if (app.hasDecorator('arenas'))", 'if (false)'],
    },
  },
  {
    file: 'fastify.js',
    tests: mistakes,
    mutants: {
      'what was called is not told': ['  checkRegistered(app, args);\n', ''],
      'without options': ['const [options = {}] = args;', 'const [options] = args;'],
      'a frozen request': ['mount.give(request, arena) ??', '', { tests: taken }],
      'a property that is taken': ['if (app.hasRequestDecorator(property))', 'if (false)'],
      'options of register() are its own': ['return own;', 'return options;', { tests: ofFastify }],
      'for its own instance alone': [
        "  plugin[Symbol.for('skip-override')] = true;\n",
        '',
        { tests: ofFastify },
      ],
      'outside of the context': ['mount.run(arena, done) :', 'done() :', { tests: ofFastify }],
      'left open': ['    app.arenas.close();', '    //', { tests: ofFastify }],
    },
  },
  {
    file: 'hono.js',
    tests: mistakes,
    mutants: {
      'any version': ["typeof c?.setLayout !== 'function'", 'false'],
      'a variable that is taken': ['first !== undefined && first?.[kOfRequest] !== true', 'false'],
      'never ends without a server': ['    arena[kEndRequest]();\n', ''],
      'ends with the handler on a server': [
        'const endsHere = !isOnNode && ',
        'const endsHere = ',
        endings,
      ],
    },
  },
  {
    file: 'koa.js',
    tests: mistakes,
    mutants: {
      'any version': ["typeof ctx?.back !== 'function'", 'false'],
      'a property that is taken': ['if (mount.isTaken(ctx))', 'if (false)'],
      'a frozen context': ['if (fault !== undefined) throw fault;', '', { tests: taken }],
      'does not wait for the rest': [
        'return mount.run(arena, next);',
        'mount.run(arena, next);',
        endings,
      ],
    },
  },
  {
    file: 'http.js',
    tests: mistakes,
    mutants: {
      'a taken property is no error': [
        '    if (fault !== undefined && fault !== SKIPPED) throw fault;\n',
        '',
      ],
      'any handler': ["  check.func(handler, 'handler');\n", ''],
      'the result is lost': ['return handler.call', 'handler.call'],
      'without `this` and what else there is': [
        'handler.call(this, req, res, ...rest)',
        'handler(req, res)',
      ],
      'in no context': ['fault === undefined && mount.hasContext', 'false', { tests: ofHttp }],
      'the result is lost in a context': [
        '      return callIn(mount',
        '      callIn(mount',
        { tests: ofHttp },
      ],
      'in a context without `this` and what else there is': [
        'Reflect.apply(handler, self, args)',
        'handler(args[0], args[1])',
        { tests: ofHttp },
      ],
    },
  },
  {
    file: 'nest.js',
    tests: ['adapters/nest.test.js'],
    mutants: {
      'any version': ["typeof adapter?.normalizePath !== 'function'", 'false', { tests: mistakes }],
      'left open': ['if (--applications === 0) face.close();', '--applications;'],
      'closed for all': ['if (--applications === 0) face.close();', 'face.close();'],
      'closed for ever': ['if (mount.isClosed && applications === 0) open();', ''],
      'the module uncalled': [
        'if (new.target !== undefined) {',
        'if (false) {',
        { tests: mistakes },
      ],
      'the decorator uncalled': [
        'if (rest.length > 0) throw',
        'if (false) throw',
        { tests: mistakes },
      ],
      'a decorator anywhere': [
        "if (key === undefined || typeof index !== 'number') {",
        'if (false) {',
        { tests: mistakes },
      ],
      'any name': [
        "  check.string(property, 'property');\n  return (target, key, index)",
        '  return (target, key, index)',
      ],
      'other parameters are forgotten': ['{ ...args, [name]', '{ [name]'],
    },
  },
  {
    file: 'request/requests.js',
    tests: ['request/close.test.js'],
    mutants: {
      'no deadline': ['await Promise.race([this.#closing, deadline]);', 'await this.#closing;'],
      'the deadline is all': ['await Promise.race([this.#closing, deadline]);', 'await deadline;'],
      'a timer stays': ['    time.clearTimeout(timer);\n', ''],
      'never says how many': ['    return this.#leasing;', '    return 0;'],
    },
  },
  {
    file: 'request/response.js',
    ...endings,
    mutants: {
      'released a turn later': ['time.nextTick(release, this)', 'time.setImmediate(release, this)'],
      'what is cut off is detached': ['!sent || failed', 'failed'],
      'what is sent is attached': ['response.keepsChunks || !sent || failed', 'true'],
      'pipelined ones end with the first': [
        'response !== null; response = response.next) response.close();',
        'response !== null; response = null) response.close();',
      ],
    },
  },
  {
    file: 'request/request.js',
    ...endings,
    mutants: {
      'released at each close': [
        '    if (this.isOver) return;\n    const { arenas }',
        '    const { arenas }',
      ],
    },
  },
];
