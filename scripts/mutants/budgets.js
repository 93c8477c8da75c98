'use strict';

const tests = ['budget/budget.test.js', 'budget/waiting.test.js', 'budget/random.test.js'];
const cutOff = { tests: ['budget/cut-off.test.js'] };

module.exports = [
  {
    file: 'budget/pressure.js',
    tests: ['budget/pressure.test.js'],
    mutants: {
      'RSS alone is critical': ["return name === 'rss' ? RESIDENT : BYTES;", 'return BYTES;'],
      'others of the machine are critical': ['return isOwn ? WAITS : OF_MACHINE;', 'return WAITS;'],
      'a level is left where it is entered': [
        'while (level < before && share >= leave[level]) level++;',
        '',
      ],
      'looks for ever': ['this.#keepLooking(this.#trees.size > 0);', 'this.#keepLooking(true);'],
      'looks no more under pressure': [
        'if (used === 0 && level === 0) this',
        'if (used === 0) this',
      ],
      'is asked at each charge': [
        'root.mark = Number.POSITIVE_INFINITY; // until look() sets it',
        '',
        { equivalent: 'a look that is due comes once, however often it is asked for' },
      ],
      'nobody is told': ['if (isOther) for (const root of this.#trees) root.tell(this.state);', ''],
      'nothing goes back': ['if (level > 0) this.#relieve(isOther);', ''],
      'who waits until memory is there is called before': [
        "if (this.state.level !== 'critical') this.#tellCalm();",
        'this.#tellCalm();',
        { tests: ['admission/waiting.test.js'] },
      ],
      'who waits until memory is there is never called': [
        "if (this.state.level !== 'critical') this.#tellCalm();",
        '',
        { tests: ['admission/waiting.test.js'] },
      ],
    },
  },
  {
    file: 'budget/gauges.js',
    tests: ['budget/pressure.test.js'],
    mutants: {
      'the cache of files is pressure': ['used - (cache >= 0 ? cache : 0)', 'used'],
      "the group's own folder counts, whatever those above allow": [
        'if (!(limit < (least?.limit ?? this.#limits.machine))) continue;',
        'if (!(limit < this.#limits.machine)) continue;',
      ],
      'what cannot be read is asked for again': ['    this.#group = null;\n  }\n}', '  }\n}'],
    },
  },
  {
    file: 'budget/share.js',
    tests: ['budget/pools.test.js'],
    mutants: {
      'what is warm stays': ['    ledger.reclaim(bytes, this.bytes === 0, this);\n', ''],
      'what others wait for is kept warm': [
        'return this.ledger.tree.waiting > 0;',
        'return false;',
      ],
      'what nobody has any more stays charged': ['  charge.release();\n  ledger', '  ledger'],
      'a closed budget is no error': ['  ledgerOf(budget).checkOpen();\n', ''],
    },
  },
  {
    file: 'request/tenant.js',
    tests: ['budget/pools.test.js'],
    mutants: {
      'a tenant has room for all': [
        'part === null ? super.room : Math.min(super.room, part.room)',
        'super.room',
      ],
      'charged after the end': [
        '    this.#part?.release(); // first, because an interrupted end is repeated\n',
        '',
      ],
      'what is given back stays charged': [
        '    this.#bytes = Math.max(0, this.#bytes - count); // an interrupted call may have charged less\n',
        '',
        { tests: ['budget/pools-random.test.js'] },
      ],
    },
  },
  {
    file: 'budget/sums.js',
    tests,
    mutants: {
      'a reserve is worth nothing': [
        'Math.max(next, reserve) - Math.max(taken, reserve)',
        'next - taken',
      ],
      'a byte too few': ['if (more > one.limit - taken ||', 'if (more >= one.limit - taken ||'],
      'a byte too many': ['if (more > one.limit - taken ||', 'if (more > one.limit - taken + 1 ||'],
      'who begins does not wait for others': ['(isNew && one.current !== null)', 'false'],
      'who grows waits for others': ['(isNew && one.current !== null)', 'one.current !== null'],
      'those above are not asked': [
        'for (let one = this; one !== null && more > 0; one = one.parent) {',
        'for (let one = this; one !== null && more > 0; one = null) {',
      ],
      'what a reserve covers is asked above': [
        'if (reserve > 0) more = beyond(reserve, taken, taken + more);',
        '',
      ],
      'what never fits waits': ['if (bytes > this.limit - least) return this;', ''],
      'what never fits above waits': [
        'return parent === null ? null : parent.tooSmallFor(',
        'return parent !== null ? null : parent.tooSmallFor(',
      ],
      'others do not wait for what is available': [
        'if (isNew && this.current !== null) return 0;',
        '',
      ],
      'reserves are not available': [
        'parent.room(isNew) + Math.max(0, reserve - taken)',
        'parent.room(isNew)',
      ],
      'less than nothing is available': [
        'return Math.max(0, Math.min(this.limit - taken, above));',
        'return Math.min(this.limit - taken, above);',
      ],
      'those above are not charged': [
        'if (parent !== null) parent.shift(bytes, beyond(this.reserve, this.taken, taken));',
        '',
      ],
      'charged before those above are': [
        '    if (parent !== null) parent.shift(bytes, beyond(this.reserve, this.taken, taken));\n    const used = this.used + bytes;\n    this.used = used;\n    this.taken = taken;\n',
        '    const more2 = beyond(this.reserve, this.taken, taken);\n    const used = this.used + bytes;\n    this.used = used;\n    this.taken = taken;\n    if (parent !== null) parent.shift(bytes, more2);\n',
        cutOff,
      ],
      'the peak falls': ['if (above > parent.peak) parent.peak = above;', 'parent.peak = above;'],
      'what reserves take at least is not known above': ['beyond(reserve, this.least, least)', '0'],
      'a reserve is taken of nobody': [
        'if (parent !== null) parent.#shiftReserves(change(taken), change(least));',
        '',
      ],
    },
  },
  {
    file: 'budget/ledger.js',
    tests,
    mutants: {
      'what a call that was cut off left stays': ['if (this.isBusy) this.repair();', '', cutOff],
      'nobody is served': ['      ledger.serve();\n', ''],
      'a tree is repaired for ever': [
        '    this.isBusy = false;\n    while',
        '    while',
        {
          equivalent: 'it costs time alone',
        },
      ],
      'a refusal by turns that are wrong': [
        'if (full !== null && this.tree.isBusy) {',
        'if (false) {',
        { equivalent: 'the next call that changes who can be served repairs them' },
      ],
      'who is refused since others wait is told of its own budget': [
        'return ledger.fullFor(bytes, false) ?? this;',
        'return this;',
      ],
      'what never fits is the server’s fault': ['isForEver ? 413 : full', 'full'],
      'a tenant’s limit is the server’s': ['this.parent === null ? 503 : 429', '503'],
      'pressure is told again and again': ['    this.#isPressed = true;\n', ''],
      'pressure is told once': ['      this.#isPressed = false;\n', ''],
      'a refusal is no pressure': [
        'used, waiting });\n    }\n    this.press();',
        'used, waiting });\n    }',
      ],
      'refusals are not counted': ['    this.counts.refused++;\n', ''],
      'waits are not counted': ['    this.counts.waited++;\n', ''],
      'whoever leaves the queue is not told': [
        '    this.tree.tellLater(waiter);\n    this.#queue',
        '    this.#queue',
      ],
      'what was served is not told': [
        '    this.tree.tellLater(waiter);\n    ledger.charges++;',
        '    ledger.charges++;',
      ],
      'a served charge is not counted': ['    ledger.charges++;\n', ''],
      'the blocked keep their turn': ['if (this.current === line) this.current = null;', ''],
      'the blocked stay in the ring': ['if (line.line !== null) this.#ring.remove(line);', ''],
      'whose turn it is stands in the ring too': [
        '} else if (line.line === null && this.current !== line) {',
        '} else if (line.line === null) {',
      ],
      'what does not fit here is offered': [
        'if (current === null || current.needs > this.limit - taken) return;',
        'if (current === null) return;',
      ],
      'a reserve waits for others': [
        '    if (this.needs > 0) {',
        '    if (this.parent !== null) {',
      ],
      'a turn goes on and on': ['    this.current = null;\n    ledger.shift(', '    ledger.shift('],
      'the turns of budgets between go on and on': [
        'for (let one = ledger; one !== this; one = one.parent) one.current = null;',
        '',
      ],
      'nobody is served after the first': [
        '    ledger.#count(-1);\n    ledger.#refresh();',
        '    ledger.#count(-1);',
      ],
      'who has gone is served': [
        'if (isOver || !one.isWaiting) waiters.remove(one);\n      else this.waiting++;',
        'this.waiting++;',
        cutOff,
      ],
      'who was served is not told after a repair': [
        'if (isOver && one.isWaiting) this.tree.tellLater(one);',
        '',
        { equivalent: 'a timeout would have to stop the one call between two others' },
      ],
      'what never fits any more waits for ever': [
        'if (small !== null) this.#leave(',
        'if (false) this.#leave(',
      ],
      'those below are not looked at': [
        '    for (const child of this.children) child.#sweep();\n',
        '',
      ],
      'a larger budget lets nobody in': [
        '      }\n      this.#refresh();\n    });\n  }\n\n  /** The parent',
        '      }\n    });\n  }\n\n  /** The parent',
      ],
      'a new reserve refuses nobody': ['      this.root.#sweep();\n', ''],
      'a parent that is closed goes on below': [
        '    for (const child of this.children) child.#closeAll();\n',
        '',
      ],
      'who waits for a closed budget waits for ever': [
        '      this.#leave(one, this.#closedError());',
        '      void one;',
      ],
      'the reserve stays': ['    this.setReserve(0);\n', ''],
      'closed budgets are kept': [
        'if (this.used === 0) this.parent?.children.delete(this);',
        '',
        { tests: ['budget/budget.test.js'] },
      ],
      'of closed budgets the lowest alone is forgotten': [
        'one?.isClosed; one = one.parent',
        'one?.isClosed; one = null',
      ],
      'a release lets nobody in': ['if (this.tree.waiting > 0) this.update();', ''],
      'what a dropped budget has stays': ['    this.shift(-own, -own);\n', ''],
      'what is below a dropped budget is released too': [
        'for (const child of this.children) own -= child.used;',
        '',
      ],
      'others are served before all that are aborted have left': [
        '        for (const one of own) one.ledger.#leave(one, errorOf(one));\n        for (const one of own) one.ledger.#refresh();',
        '        for (const one of own) {\n          one.ledger.#leave(one, errorOf(one));\n          one.ledger.update();\n        }',
      ],
      'an abort lets nobody in': ['        for (const one of own) one.ledger.#refresh();\n', ''],
    },
  },
  {
    file: 'budget/usage.js',
    tests: ['budget/budget.test.js', 'budget/waiting.test.js'],
    mutants: {
      'the ones with the least are named': [
        'first[at - 1].used < child.used',
        'first[at - 1].used > child.used',
      ],
      'more than three are named': ['first.length = Math.min(first.length, SHOWN);', ''],
      'each refusal looks at all': ['now - this.#at >= RANK_MS', 'true'],
      'they are looked for once': ['now - this.#at >= RANK_MS', 'this.#first.length === 0'],
      'reserves are not told': ['if (taken > used) parts', 'if (false) parts'],
      'who waits is not told': ['if (waiting > 0) parts', 'if (false) parts'],
    },
  },
  {
    file: 'budget/budget.js',
    tests,
    mutants: {
      'who holds nothing overtakes': [
        'ledger.seekRoom(bytes, this.#bytes === 0); // an',
        'ledger.seekRoom(bytes, false); // an',
      ],
      'what grew is not counted': ['this.#bytes += bytes; // no call', '// no call'],
      'a shrink lets nobody in': [
        '    this.#bytes -= bytes; // no call between these two\n    if (ledger.tree.waiting > 0) ledger.update();\n',
        '    this.#bytes -= bytes;\n',
      ],
      'a growth leaves turns as they were': [
        '    if (ledger.tree.waiting > 0) ledger.update();\n    return null;',
        '    return null;',
      ],
      'a second release counts': ['    if (this.#budget === null) return;\n', ''],
      'a released charge has its bytes': ['    this.#bytes = 0;\n', ''],
      'a charge counts for ever': ['    ledger.charges--;\n', ''],
      'anybody makes charges': ['if (key !== MADE_HERE) {', 'if (false) {'],
      'a wait has no end': ['if (timeoutMs !== undefined) this.#timer', 'if (false) this.#timer'],
      'a timer stays': ['if (this.#timer !== undefined) time.clearTimeout(this.#timer);', ''],
      'a signal keeps who was served': ['    this.#group?.delete(this);\n', ''],
      'waits that end by time are not counted': ['  ledger.counts.timedOut++;\n', ''],
      'aborts are not counted': [
        '  for (const { ledger } of waiters) ledger.counts.aborted++;\n',
        '',
      ],
      'a reserve may be more than maxBytes': ['if (reserve > maxBytes) throw', 'if (false) throw'],
      'a reserve of a closed parent': ['  parent.checkOpen();\n', ''],
      'a reserve that the parent never has': [
        'if (parent.tooSmallFor(reserve) !== null) {',
        'if (false) {',
      ],
      'a reserve takes what is not free': [
        'if (full !== null) throw full.refusal(reserve, false);',
        '',
      ],
      'a dropped budget is forgotten': ['    dropped.register(this, ledger);\n', ''],
      'a dropped parent ends its child': ['    this.#parent = parent;\n', ''],
      'an aborted signal is not seen': ['if (signal?.aborted) throw', 'if (false) throw'],
      'what never fits waits': [
        'if (timeoutMs === 0 || ledger.tooSmallFor(bytes) !== null) {',
        'if (timeoutMs === 0) {',
      ],
      'timeoutMs: 0 waits': [
        'if (timeoutMs === 0 || ledger.tooSmallFor(bytes) !== null) {',
        'if (ledger.tooSmallFor(bytes) !== null) {',
      ],
      'a wait is no pressure': ['    full.press();\n', ''],
      'who began to wait where the stack ends is served': [
        '      ledger.tree.isBusy = true;\n',
        '',
        {
          equivalent: 'the call before would have to be cut off too, while it tells whom it served',
        },
      ],
      'two registrations are one': [
        'const own = (pressure) => handler(pressure);',
        'const own = handler;',
      ],
      'less than what is reserved': ['maxBytes < least', 'maxBytes < 0'],
      'what was set by hand is automatic': [
        '    this.#auto = null;\n',
        '',
        { tests: ['budget/auto.test.js'] },
      ],
      'a share of bytes': [
        'if (share === undefined) return',
        'if (true) return',
        { tests: ['budget/auto.test.js'] },
      ],
      'a closed budget has room': [
        'return ledger.isClosed ? 0 : ledger.room(true);',
        'return ledger.room(true);',
      ],
    },
  },
  {
    file: 'budget/auto.js',
    tests: ['budget/auto.test.js'],
    mutants: {
      'the largest limit holds': ['b[1] < a[1] ? b : a', 'b[1] > a[1] ? b : a'],
      'nothing is kept for Node': ['part - heap - kept', 'part - heap'],
      'what counts for ulimit -d is to be had': [
        "from === 'rlimit' ? KEPT + reserved : KEPT",
        'KEPT',
      ],
      'V8 takes all': ['Math.max(rest, least)', 'rest'],
      'each share is all': ['memory / share; //', 'memory; //'],
      'nobody is told of an eighth': ['if (found.isLeast) warnOnce', 'if (false) warnOnce'],
      'without a limit there is none': ['if (found.auto.memory === Infinity) {', 'if (false) {'],
      'a limit that cannot be read ends the program': [
        'attempt(() => process.constrainedMemory() || Infinity, Infinity)',
        'process.constrainedMemory() || Infinity',
      ],
      'a cgroup without a limit has nothing': [
        'process.constrainedMemory() || Infinity',
        'process.constrainedMemory()',
      ],
      'ulimit -d is not read': ['attempt(dataLimit, Infinity)', 'Infinity'],
    },
  },
  {
    file: 'budget/abort-signal.js',
    tests: ['budget/waiting.test.js'],
    mutants: {
      'a listener for each wait': ['if (group === undefined) {', 'if (true) {'],
      'the listener stays': ['    this.#listener[Symbol.dispose]();\n', ''],
      'the first that goes takes the others along': [
        'if (this.#waiters.size > 0 || groups',
        'if (groups',
      ],
    },
  },
];
