'use strict';

const names = ['mistakes/budgets.test.js'];
const pools = ['budget/pools.test.js'];

module.exports = [
  {
    file: 'memory/budget.js',
    tests: ['memory/budget.test.js'],
    mutants: {
      'one byte too many': ['bytes > this.room', 'bytes > this.room + 1'],
      'one byte too few': ['bytes > this.room', 'bytes >= this.room'],
      'those above are not asked': [
        'return this.parent === null ? null : this.parent.fullFor(bytes);',
        'return null;',
      ],
      'the first of all is told': ['if (bytes > this.room) return this;', ''],
      'those above are not charged': [
        '    if (this.parent !== null) this.parent.force(bytes);\n',
        '',
      ],
      'the charge stays above': [
        '    if (this.parent !== null) this.parent.discharge(bytes);\n',
        '',
      ],
      'charged before those above are': [
        '    if (this.parent !== null) this.parent.force(bytes);\n    this.#used += bytes;\n',
        '    this.#used += bytes;\n    if (this.parent !== null) this.parent.force(bytes);\n',
      ],
      'discharged before those above are': [
        '    if (this.parent !== null) this.parent.discharge(bytes);\n    this.#used -= bytes;\n',
        '    this.#used -= bytes;\n    if (this.parent !== null) this.parent.discharge(bytes);\n',
      ],
      'chunks are counted twice': [
        '  forceChunk(bytes) {\n    this.#used += bytes;\n',
        '  forceChunk(bytes) {\n    this.force(bytes);\n',
      ],
      'a refusal has no status': [
        'status === undefined ? error : withStatus(status, error)',
        'error',
      ],
      'the next arena has the name of the last': [
        'this.about = { ...this.about, name };',
        '',
        { tests: names },
      ],
    },
  },
  {
    file: 'memory/measured-budget.js',
    tests: ['memory/budget.test.js'],
    mutants: {
      'a charge that is refused counts': [
        'const failure = this.#memory.adopt(bytes) ?? null;',
        'this.#memory.adopt(bytes);\n    const failure = null;',
      ],
      'the budget of the user bounds nothing': [
        'share === null ? limit : Math.min(limit, this.measured() + share.room)',
        'limit',
        { tests: pools },
      ],
      'the budget of the user is charged nothing': [
        '    share?.set(used);\n',
        '',
        { tests: pools },
      ],
      "a refusal names the pool's own limit": [
        "share === null || failure.kind !== 'limit' || failure.limit >= limit",
        'true',
        { tests: pools },
      ],
    },
  },
  {
    file: 'base/errors.js',
    tests: names,
    mutants: {
      'limits have no names': ["name === '' ?", 'true ?'],
    },
  },
];
