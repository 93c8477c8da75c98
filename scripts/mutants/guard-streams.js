'use strict';

module.exports = [
  {
    file: 'guard/readable.js',
    tests: ['guard/readable.test.js', 'guard/readable-ends.test.js'],
    mutants: {
      'a queue holds nothing': ['queueOf(readable).pushed(size, end);', 'end();'],
      'what was put back holds nothing': [
        'queueOf(readable).unshifted(size, length, end);',
        'end();',
      ],
      'what is passed on is held': ['isPassedOn(readable, state) || (!isFront', '(!isFront'],
      'what becomes a string is held': [' || (!isFront && isDecoded(readable))', ''],
      'other chunks are not counted': [
        '  if (state.length > before) queue.pushed(state.length - before);\n',
        '',
      ],
      'the front is where it was': [
        'until: this.#back - length + size',
        'until: this.#back + size',
        { tests: ['guard/readable-random.test.js'] },
      ],
      'a part that was read ends all': ['until > front', 'until > front + 1'],
      'who waits for a promise finds it dead': [
        'queueMicrotask(() => time.nextTick(endAll, gone));',
        'endAll(gone);',
      ],
      'a microtask is enough': [
        'queueMicrotask(() => time.nextTick(endAll, gone));',
        'queueMicrotask(() => endAll(gone));',
      ],
      'what is destroyed holds on': ['      queue?.drop();\n', ''],
      'only a Readable lets go': ['[prototype, stream.Duplex.prototype]', '[prototype]'],
      'what became a string holds on': ['    queue?.clear();\n', ''],
      'a dead Buffer ends the process': [
        '  readable.destroy(error);\n  return false;',
        '  throw error;',
      ],
      'what is forgotten holds on': ['  forgotten.register(readable, queue);\n', ''],
    },
  },
];
