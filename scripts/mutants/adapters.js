'use strict';

const endings = ['adapters/endings.test.js'];
const mistakes = ['adapters/mistakes.test.js'];
const ofFastify = ['adapters/fastify.test.js'];

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
      'others are not told of the arena': ['if (several) req[kRequestArena] = arena;', ''],
      'a face without its mark': ['      [kMounted]: true,\n', ''],
      'a new one for every door': ['options instanceof Mount ? options : new', 'new'],
    },
  },
  {
    file: 'fastify.js',
    tests: mistakes,
    mutants: {
      'any version': ['Number.parseInt(app?.version, 10) !== 5', 'false'],
      'registered twice': ['if (app.arenas?.[kMounted] === true)', 'if (false)'],
      'a name of the application that is taken': ["if (app.hasDecorator('arenas'))", 'if (false)'],
      'a property that is taken': ['if (app.hasRequestDecorator(property))', 'if (false)'],
      'options of register() are its own': ['return own;', 'return options;', { tests: ofFastify }],
      'for its own instance alone': [
        "requestArena[Symbol.for('skip-override')] = true;\n",
        '',
        { tests: ofFastify },
      ],
      'outside of the context': ['mount.run(arena, done);', 'done();', { tests: ofFastify }],
      'left open': ['    app.arenas.close();', '    //', { tests: ofFastify }],
    },
  },
  {
    file: 'hono.js',
    tests: mistakes,
    mutants: {
      'any version': ["typeof c?.setLayout !== 'function'", 'false'],
      'a variable that is taken': ['first !== undefined && first?.[kOfRequest] !== true', 'false'],
      'never ends without a server': ['if (endsHere) arena[kEndRequest]();', ''],
      'ends with the handler on a server': [
        'const endsHere = !isOnNode && ',
        'const endsHere = ',
        { tests: endings },
      ],
    },
  },
  {
    file: 'koa.js',
    tests: mistakes,
    mutants: {
      'any version': ["typeof ctx?.back !== 'function'", 'false'],
      'a property that is taken': ['if (mount.isTaken(ctx))', 'if (false)'],
      'does not wait for the rest': [
        'return mount.run(arena, next);',
        'mount.run(arena, next);',
        { tests: endings },
      ],
    },
  },
  {
    file: 'http.js',
    tests: mistakes,
    mutants: {
      'a taken property is no error': ['if (error !== undefined) throw error;', ''],
      'any handler': ["    check.func(handler, 'handler');\n", ''],
      'the result is lost': ['return result;', ''],
      'without `this` and what else there is': [
        'handler.call(this, req, res, ...rest)',
        'handler(req, res)',
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
      'undefined without the module': ['if (arena !== undefined && arena !== null)', 'if (true)'],
      'any name': ["  check.string(property, 'property');\n", ''],
      'other parameters are forgotten': ['{ ...args, [name]', '{ [name]'],
    },
  },
  {
    file: 'request/requests.js',
    tests: ['request/close-deadline.test.js'],
    mutants: {
      'no deadline': ['await Promise.race([this.#closing, deadline]);', 'await this.#closing;'],
      'the deadline is all': ['await Promise.race([this.#closing, deadline]);', 'await deadline;'],
      'a timer stays': ['    time.clearTimeout(timer);\n', ''],
      'never says how many': ['    return this.#leasing;', '    return 0;'],
    },
  },
];
