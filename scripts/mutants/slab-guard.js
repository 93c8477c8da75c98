'use strict';

/** Of what happens only where an ArrayBuffer has transfer(). */
const hasTransfer = typeof ArrayBuffer.prototype.transfer === 'function';
const where = hasTransfer ? {} : { equivalent: 'this Node has no transfer()' };

const inFlight = { tests: ['slab/guard.test.js'] };
const guards = ['slab/guard.test.js'];

module.exports = [
  {
    file: 'slab/pool.js',
    tests: ['slab/close.test.js'],
    mutants: {
      'what close() detaches is still taken for visible': [
        'core.leased.detach(pool, index, transfers ? ab.transfer() : ab);',
        'if (transfers) ab.transfer();\n    else structuredClone(ab, { transfer: [ab] });',
        { tests: ['slab/views.test.js'] },
      ],
      'a close() that cannot detach throws': [
        'if (error instanceof RangeError) throw error; // the stack ends here',
        'throw error;',
        { tests: ['slab/magazine.test.js'] },
      ],
      'what Node-API made is not moved on': [
        'const shown = hasTransfer ? ab.transfer() : ab;',
        'const shown = ab;',
        where,
      ],
    },
  },
  {
    file: 'slab/claims.js',
    tests: guards,
    mutants: {
      'a free in flight takes the fast path': ['    this.#pool.capacity = 0;\n', '', inFlight],
      'after operations every free takes the slow path': [
        'this.#pool.capacity = this.#pool.limit;',
        '',
      ],
      'dead Buffers are held': ['this.death : deathOf(view)', 'this.death : undefined'],
      'operations outlive close() with an ArrayBuffer': [
        'if (this.operations === 0) detachSegment(this.#pool, this.#ab, this.#index);',
        '',
      ],
      'the first end after close() detaches': [
        'if (this.operations === 0) detachSegment',
        'detachSegment',
      ],
      'the memory of a closed slab stays after its last operation': [
        '    this.#pool.core.leave();\n',
        '',
      ],
    },
  },
];
