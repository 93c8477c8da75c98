'use strict';

const route = ['request/route.test.js'];
const change = ['request/route.test.js'];

module.exports = [
  {
    file: 'request/route.js',
    tests: route,
    mutants: {
      'known too late': ['if (base !== undefined) this.#settingsOn(base);', ''],
      'routes do not add up': [
        'this.#settingsOn(request.settings)',
        'this.#settingsOn(request.arenas.settings)',
      ],
      'settings of another mount': ['if (base !== this.#base) {', 'if (this.#base === null) {'],
      'ignored in silence': ["else warnOnce('RALLOC_OPTIONS_IGNORED'", 'else (() => {})('],
    },
  },
  {
    file: 'request/request.js',
    tests: change,
    mutants: {
      'what is open goes beyond a lower limit': [
        'seals || settings.maxBytesPerRequest < this.limit',
        'seals',
      ],
      'a route goes on in the span of another safety': [
        'settings.safety !== this.settings.safety',
        'false',
      ],
      'each route begins another span': ['settings.safety !== this.settings.safety', 'true'],
      'heap Buffers of a route that wipes are as others': [
        'settings.wipe, existing)',
        'this.arenas.settings.wipe, existing)',
        { tests: ['request/overflow.test.js'] },
      ],
      'nothing gives way to what does not fit': [
        '    eachWindow(this.arena, (window) => window.giveWay());\n',
        '',
        { tests: ['request/room.test.js'] },
      ],
      'the limit of the route is forgotten': [
        '    if (this.ownBudget !== null) this.ownBudget.limit = this.limit;\n',
        '',
      ],
    },
  },
  {
    file: 'memory/chunk-pool.js',
    tests: route,
    mutants: {
      "what 'recycle' shows goes to other routes": ["span.isSeen && safety !== 'recycle'", 'false'],
      "'recycle' starts anew each time": ["span.isSeen && safety !== 'recycle'", 'span.isSeen'],
      'what was handed out unmarked is used at once': [
        ' || (this.isGuarded && span.guard === undefined)',
        '',
      ],
      'what is warm stays unmarked': [
        "this.isGuarded && span.guard === undefined && safety !== 'gc'",
        'false',
      ],
    },
  },
  {
    file: 'memory/span.js',
    tests: route,
    mutants: {
      'what is leased stays unmarked': ["pool.isGuarded && safety !== 'gc'", 'false'],
      'what is quarantined anyway is marked': [
        "pool.isGuarded && safety !== 'gc'",
        'pool.isGuarded',
        { tests: ['memory/waiting.test.js'] },
      ],
    },
  },
  {
    file: 'arena/arena.js',
    tests: change,
    mutants: {
      'scopes go on in what earlier Buffers see': [
        'for (const child of arena.#children ?? []) doors.eachWindow(child, visit);',
        '',
      ],
    },
  },
  {
    file: 'arena/window.js',
    tests: change,
    mutants: {
      'a rewind goes back to what earlier Buffers see': ['if (seals) position.span = null;', ''],
      'a rewind goes beyond a lower limit': ['      position.end = position.span.end;\n', ''],
      'what a rewind opens again stays charged': [
        '      retract(position.span, position.cursor, owner);\n',
        '',
      ],
      'pieces grow with every checkpoint': [
        'last?.spanCount ?? 0',
        '0',
        { tests: ['arena/window.test.js'] },
      ],
    },
  },
];
