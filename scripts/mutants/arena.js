'use strict';

const holds = ['arena/hold.test.js', 'arena/hold-time.test.js'];
const windows = ['arena/window.test.js'];
const scopes = ['arena/scope.test.js'];
const closes = ['arena/arena.test.js'];
const dead = ['mistakes/dead.test.js'];
const filled = ['mistakes/buffer-arguments.test.js'];

module.exports = [
  {
    file: 'base/dead.js',
    tests: dead,
    mutants: {
      'what is empty is dead': [' && isDetached(ab)', ''],
      'nobody knows how it died': [', ab[kHolder]?.death', ''],
      'what was freed is read': [
        'if (death === undefined) continue;',
        'continue;',
        { tests: ['base/freed.test.js'] },
      ],
      'a list does not tell where': [
        'index === undefined ? name',
        'true ? name',
        { tests: ['base/freed.test.js'] },
      ],
    },
  },
  {
    file: 'arena/current.js',
    tests: ['request/context.test.js'],
    mutants: {
      'a foreign request is not found': ['return this.#arena.deref();', 'return undefined;'],
      'of the first middleware alone': ['i < storages.length', 'i < 1'],
    },
  },
  {
    file: 'base/fill.js',
    tests: filled,
    mutants: {
      'what fills nothing leaves what was there': ["if (fill === '') return 0;", 'return 0;'],
      'allocated before it is checked': [
        '  const pattern = patternOf(fill, encoding);\n  return allocator.allocUnsafe(size).fill(pattern);',
        '  return allocator.allocUnsafe(size).fill(patternOf(fill, encoding));',
      ],
      'dead Buffers fill nothing': [
        "    checkAlive(fill.buffer, 'fill', fill);\n",
        '',
        { tests: dead },
      ],
    },
  },
  {
    file: 'arena/arena.js',
    tests: closes,
    mutants: {
      'allocUnsafe: a byte past the end': [
        'next <= window.end && size !== 0 && ab.byteLength !== 0) {\n      const buffer = new FastBuffer(ab, start, size);\n      window',
        'next <= window.end + 8 && size !== 0 && ab.byteLength !== 0) {\n      const buffer = new FastBuffer(ab, start, size);\n      window',
        { tests: windows },
      ],
      'alloc: a byte past the end': [
        'next <= window.end && size !== 0 && ab.byteLength !== 0) {\n      const buffer = new FastBuffer(ab, start, size);\n      if',
        'next <= window.end + 8 && size !== 0 && ab.byteLength !== 0) {\n      const buffer = new FastBuffer(ab, start, size);\n      if',
        { tests: windows },
      ],
      'alloc: what is dirty is not filled': [
        'if (start < window.cleanFrom) fill',
        'if (false) fill',
        { tests: windows },
      ],
      'a Buffer may escape': ['    return escapes;\n', '    return false;\n', { tests: scopes }],
      'a scope stays among the children': [
        '    this.#parent.#children?.delete(this);\n    return escapes',
        '    return escapes',
        { tests: scopes },
      ],
      'a reset is not counted': ['    window.resets++;\n', '', { tests: ['arena/stats.test.js'] }],
      'a reset keeps heap bytes': [
        '    dischargeHeap(window, 0);\n    if (released) return;\n',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'a scope that outlived its request keeps heap bytes': [
        'else dischargeHeap(this.#window, 0);',
        '',
        { tests: ['request/late.test.js'] },
      ],
      'a reset leaves scopes': ['if (!scopes && ', 'if (', { tests: scopes }],
      'a reset releases the scopes': [
        "this.#clear(CLOSED, true, null, 'reset');\n  }\n\n  shrink",
        "this.#clear(RELEASED, true, null, 'reset');\n  }\n\n  shrink",
        { tests: scopes },
      ],
      'shrink() leaves the window': ['    this.#window.releaseUnused();\n', '', { tests: windows }],
      'a request closes its arena': [
        'if (this.#parent === null) owner.checkClosable();',
        '',
        { tests: ['request/stream.test.js'] },
      ],
      'a scope cannot close': [
        'if (this.#parent === null) owner.checkClosable();',
        'owner.checkClosable();',
        { tests: ['request/room.test.js'] },
      ],
      'a scope closes the arena': [
        'if (this.#parent === null) owner.close();\n    else',
        'owner.close();\n    if (this.#parent !== null)',
        { tests: scopes },
      ],
      'close() keeps the memory': [
        'if (this.#parent === null) owner.close();\n    else',
        'if (this.#parent !== null)',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
      'close() twice': ['if (this.#window.state !== LIVE) return;\n    const', 'const'],
      'a hold after the end holds': [
        'if (isReleased(this.#window)) return promise ?? releasedHold;',
        'isReleased(this.#window);',
        { tests: ['request/room.test.js'] },
      ],
      'hold() of any object': [
        " && typeof then !== 'function'",
        ' && false',
        { tests: ['arena/bad-input.test.js'] },
      ],
      'owns() does not look into scopes': ['if (child.#covers(view)) return true;', ''],
      'holds do not cover the scopes': [
        'child.#finish(childState, finished, claims);',
        'child.#finish(childState, finished, null);',
        { tests: holds },
      ],
      'scopes end with the nearest only': [
        'epoch.claimsWith(outer)',
        'epoch.claimsWith(null)',
        { tests: holds },
      ],
      'scopes are not ended': [
        'for (const child of this.#children ?? []) {\n      child',
        'for (const child of []) {\n      child',
        { tests: scopes },
      ],
      'scopes end as finished': [
        'child.#finish(childState, finished, claims',
        'child.#finish(childState, true, claims',
        { tests: ['request/room.test.js'] },
      ],
      'scopes do not count': [
        'for (const child of this.#children) bytes += child.#allocated();',
        ';',
        { tests: ['request/room.test.js'] },
      ],
      'a released arena had nothing': [
        'const allocated = arena.#allocated();',
        'const allocated = 0;',
        { tests: ['request/pooled.test.js'] },
      ],
      'an unused arena lives on': [
        '        arena.#window = UNUSED_RELEASED;\n',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'scopes of an arena that has nothing else live on': [
        'arena.#children === null && arena.#window === UNUSED',
        'arena.#window === UNUSED',
        { tests: ['request/late.test.js'] },
      ],
      'a window of one that is released is live': [
        'this.#parent !== null, this.#window.state)',
        'this.#parent !== null, LIVE)',
        { tests: ['request/late.test.js'] },
      ],
      'released scopes are closed': [
        'arena.#finish(RELEASED, finished, null);',
        'arena.#finish(CLOSED, finished, null);',
        { tests: ['request/late.test.js'] },
      ],
      'scopes of a released arena are live': [
        'if (released) child.#window = UNUSED_RELEASED;',
        '',
        { tests: ['request/late.test.js'] },
      ],
    },
  },
  {
    file: 'arena/options.js',
    tests: holds,
    mutants: {
      'holds of 60 s': ['DEFAULT_HOLD_MS = 30_000', 'DEFAULT_HOLD_MS = 60_000'],
    },
  },
  {
    file: 'arena/window.js',
    tests: closes,
    mutants: {
      'chunks never grow': ['first * 2 ** opened', 'first'],
      'chunks grow for ever': ['Math.min(first * 2 ** opened, CHUNK_CAP)', 'first * 2 ** opened'],
      'large first chunks are cut': ['Math.max(first, Math.min(', 'Math.min(first * 32, Math.min('],
    },
  },
  {
    file: 'memory/closed-pools.js',
    tests: ['memory/chunk-pool.test.js'],
    mutants: {
      'no pool is taken over': ['if (index === -1) return', 'return'],
    },
  },
  {
    file: 'arena/owner.js',
    tests: closes,
    mutants: {
      'chunks of 128 KiB': ['DEFAULT_CHUNK = 64', 'DEFAULT_CHUNK = 128'],
      'a limit of 32 MiB': [
        'DEFAULT_MAX_BYTES = 64',
        'DEFAULT_MAX_BYTES = 32',
        { tests: ['arena/limit.test.js'] },
      ],
      'a chunk may be more than the limit': [
        'checked.chunkSize > settings.maxBytes',
        'false',
        { tests: ['arena/bad-input.test.js'] },
      ],
      'huge pages in small chunks': [
        'settings.chunkSize = Math.max(settings.chunkSize, HUGE_PAGE);',
        '',
        { tests: ['memory/options.test.js'] },
      ],
      'a pool keeps its last user': [
        '    pool.window = null;\n',
        '',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
      'a pool that is not kept stays open': [
        '      pool.close();\n',
        '',
        { tests: ['memory/chunk-pool.test.js'] },
      ],
      'a closed arena tells of the next one': [
        'this.pool = { guarded, waiting: { expired }, stats: () => last, chunks: () => [] };',
        '',
        { tests: ['arena/arena.test.js'] },
      ],
      'a closed arena has what it had': [
        '{ ...stats, ...none }',
        'stats',
        { tests: ['arena/arena.test.js'] },
      ],
    },
  },
  {
    file: 'base/scope.js',
    tests: scopes,
    mutants: {
      'a scope that throws stays open': ['    try {\n      leave(undefined);', '    try {'],
      'a scope that rejects stays open': [
        '(error) => {\n          leave(undefined);',
        '(error) => {',
      ],
      'a rejection is swallowed': [
        '          leave(undefined);\n          throw error;\n',
        '          leave(undefined);\n',
      ],
      'native promises only': ["typeof result?.then === 'function'", 'result instanceof Promise'],
      'ends before its promise': [
        'return Promise.resolve(result).then(',
        'leave(undefined);\n      return Promise.resolve(result).then(',
      ],
      'an end that the stack had no room for is forgotten': [
        'owner.unfinished = work.next;',
        'owner.unfinished = null;',
        { tests: ['base/validate.test.js'] },
      ],
    },
  },
  {
    file: 'arena/window.js',
    tests: ['arena/checkpoint.test.js'],
    mutants: {
      'anything is a checkpoint': ['!(#of in checkpoint)', 'false'],
      'those of others are taken': ['if (checkpoint.#of !== of) throw', 'if (false) throw'],
      'spent ones are taken': ['!checkpoints?.includes(checkpoint)', 'false'],
    },
  },
];
