'use strict';

const tests = ['memory/claims.test.js'];

module.exports = [
  {
    file: 'memory/claims.js',
    tests,
    mutants: {
      'the first of several operations on a slot gives it back': [
        'if (claim.count > 0) return;',
        '',
      ],
      'an operation can end twice': ['if (claim.count === 0) return; // called twice', ''],
      'what begins at an end overlaps': ['this.start < stop &&', 'this.start <= stop &&'],
      'what ends at a beginning overlaps': ['start < this.stop', 'start <= this.stop'],
      'what other operations use is taken back': [
        'if (!this.wait(part)) this.takeBack(part);',
        'this.takeBack(part);',
      ],
      'what was taken back waits still': ['      claim.waiting.pop();\n', '      break;\n'],
      'what is dead is claimed': ['if (death !== undefined) throw', 'if (false) throw'],
      'a view of no bytes claims one': ['if (bytes === 0) return nothing;', ''],
      'the end comes after the callback': [
        'end.isFirst = true;',
        'end.isFirst = false;',
        { tests: ['slab/guard.test.js'] },
      ],
      'nothing is counted': ['    core.guarded.count(kind, bytes);\n', ''],
      'what is slow stays so': ['if (this.#counter.operations === 0) this.fast();', ''],
      'other operations do not hinder the fast path': [
        'if (this.#counter.operations === 0) this.fast();',
        'this.fast();',
      ],
      'what is closed is taken back': ['if (!this.#core.isLive) return this.leave();', ''],
      'nobody asks what was forgotten': [
        '    if (!this.watched) idle.watch(this);\n',
        '',
        { tests: ['slab/guard.test.js'] },
      ],
      'what nobody can end is never over': [
        '    for (const claim of claims) watchOrphans(claim);\n',
        '',
      ],
      'all are watched': ['.filter(({ waiting }) => waiting.length > 0);', ';'],
      'what was cut off waits for ever': [
        '    core.over = claim; // no call before this line\n',
        '',
      ],
      'what was cut off waits for the next end': [
        '    if (core.over !== null) finishClaims(core);\n',
        '',
      ],
    },
  },
  {
    file: 'slab/claims.js',
    tests,
    mutants: {
      'operations on one slot have each their claim': [
        'first === last ? this.#alone.get(first) : undefined',
        'undefined',
      ],
      'a view of several slots holds the first': [
        'stop - 1 - ((stop - 1) % size)]',
        'start - (start % size)]',
      ],
      'a view that ends with a slot holds the next': [
        'stop - 1 - ((stop - 1) % size)]',
        'stop - (stop % size)]',
      ],
      'what one forgot is for the next to end': [
        'if (same?.end.deref() !== undefined) return same;',
        'if (same !== undefined) return same;',
      ],
      'a view of several slots holds none': [
        'for (const claim of this.#wide) if (claim.covers(start, stop)) return claim;',
        '',
      ],
      'the timer forgets views of several slots': [
        '[...this.#alone.values(), ...this.#wide]',
        '[...this.#alone.values()]',
        { tests: ['slab/guard.test.js'] },
      ],
    },
  },
  {
    file: 'region/claims.js',
    tests,
    mutants: {
      'bytes beyond 4 GiB are those before': ['Math.floor(byte / PAGE)', '(byte >>> 12)'],
      'pages stay busy': [
        'this.#count(claim, -1)',
        'this.#all.has(claim)',
        { equivalent: 'slower alone' },
      ],
    },
  },
];
