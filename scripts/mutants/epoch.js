'use strict';

const holds = ['arena/hold.test.js', 'arena/hold-time.test.js'];

module.exports = [
  {
    file: 'arena/epoch.js',
    tests: holds,
    mutants: {
      'no prune': ['if (this.#promises.length >= PRUNE_AT) this.#prune();', ''],
      'prunes thousands': ['PRUNE_AT = 32', 'PRUNE_AT = 2000'],
      'settled promises count': ['this.#promises.filter(isPending)', 'this.#promises'],
      'pending promises do not count': ['this.#promises.filter(isPending)', '[]'],
      'looks at promises ever more seldom': ['POLL_MAX_MS = 50', 'POLL_MAX_MS = 50_000'],
      'looks at promises in the end only': [
        'this.#promises === null ? left : Math.min(pollMs, left)',
        'left',
      ],
      'holds last for ever': ['performance.now() >= this.#deadline', 'false'],
      'holds expire at the first look': ['performance.now() >= this.#deadline', 'true'],
      'holds last twice as long': [
        '+ this.#owner.settings.holdMs;',
        '+ 2 * this.#owner.settings.holdMs;',
      ],
      'each span begins the time anew': [
        '    if (this.#timer !== null) return;\n    this.#deadline',
        '    clearTimeout(this.#timer);\n    this.#deadline',
      ],
      'expiry is not warned of': [
        "warnOnce('RALLOC_HOLD_EXPIRED', this.#owner.settings.holdMs / 1000);",
        '',
      ],
      'expired memory is used again': [
        'if (expired) pool.quarantine(span);\n      else pool',
        'pool',
      ],
      'released memory is not used again': [
        'if (expired) pool.quarantine(span);\n      else pool.unhold(span);',
        'pool.quarantine(span);',
      ],
      'holds from before an expiry count': [
        '    this.#term++;\n',
        '',
        { tests: ['arena/hold-end.test.js'] },
      ],
      'expired holds stay open': ['    this.#open = 0;\n', ''],
      'expired promises stay': [
        '    this.#promises = null;\n    this.#settle(true);',
        '    this.#settle(true);',
      ],
      'expiry leaves the scopes held': ['if (expired) epoch.#expire();', 'if (expired);'],
      'a release leaves the scopes held': ['else hold.release();', ''],
      'scopes that ended are settled twice': [
        '    this.#inner = null;\n    for',
        '    for',
        { equivalent: 'a hold is released once, and what expired has nothing left' },
      ],
      'spans are settled twice': ['    this.#heldSpans = null;\n', ''],
      'the timer keeps the process': [
        '    this.#timer.unref();\n',
        '',
        { tests: ['arena/hold-end.test.js'] },
      ],
      'a hold is released twice': ['    this.#epoch = null;\n', ''],
      'the first release counts': [
        'this.#timer !== null && this.holds === 0',
        'this.#timer !== null',
      ],
      'the last release is not seen': [
        'if (this.#timer !== null && this.holds === 0) this',
        'if (false) this',
      ],
      'a thenable is held for without a hold': [
        '      const hold = this.hold();',
        '      const hold = { release() {} };',
      ],
      'a rejected thenable holds for ever': [
        'promise.then(release, release)',
        'promise.then(release)',
      ],
      'memory is not held': ['else if (held) this.#hold(span);', ''],
      'holds keep what is not finished': [
        'finished && !this.#unheld',
        '!this.#unheld',
        { equivalent: 'what is not finished goes into quarantine before holds are asked for' },
      ],
      'unfinished memory is used again': [
        'if (!finished) pool.quarantine(span);\n      else if',
        'if',
        { tests: ['request/response.test.js'] },
      ],
      'more than the room': [
        'if (need > room) throw owner.limitError(need);',
        '',
        { tests: ['request/limits.test.js'] },
      ],
      'windows of more than the room': [
        'Math.min(want, room)',
        'want',
        { tests: ['request/room.test.js'] },
      ],
      'the room is not charged': [
        'owner.charge(span.end);',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'the room does not come back': [
        '      this.#owner.discharge(span.end);\n',
        '',
        { tests: ['request/bounds.test.js'] },
      ],
      'an epoch with checkpoints begins in place': [
        'this.checkpoints === null && this.#unheld',
        'this.#unheld',
        { tests: ['arena/checkpoint.test.js'] },
      ],
      'an epoch with holds begins in place': [
        'this.checkpoints === null && this.#unheld',
        'this.checkpoints === null',
      ],
      'promises hold nothing in place': [
        'this.#open === 0 && this.#promises === null',
        'this.#open === 0',
      ],
      'holds hold nothing in place': [
        'this.#open === 0 && this.#promises === null',
        'this.#promises === null',
      ],
    },
  },
];
