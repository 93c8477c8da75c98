'use strict';

module.exports = [
  {
    file: 'node/guard/readable.js',
    tests: ['node/guard/readable.test.js'],
    mutants: {
      'nothing ends what a queue holds': ['    wrapEnds();\n', ''],
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
        { tests: ['node/guard/readable.test.js'] },
      ],
      'a part that was read ends all': ['until > front', 'until > front + 1'],
      'who waits for a promise finds it dead': [
        'afterAwaits(() => endAll(gone));',
        'endAll(gone);',
      ],
      'a microtask is enough': [
        'afterAwaits(() => endAll(gone));',
        'Promise.resolve().then(() => endAll(gone));',
      ],
      'what is destroyed holds on': ['      queue?.drop();\n', ''],
      'only a Readable lets go': ['[prototype, stream.Duplex.prototype]', '[prototype]'],
      'what became a string holds on': ['    queue?.clear();\n', ''],
      'a dead Buffer ends the process': [
        '  readable.destroy(error);\n  return false;',
        '  throw error;',
      ],
      'what is forgotten holds on': ['  forgotten.register(readable, queue);\n', ''],
      'what waits in a pipe is written past it': [
        "  if (state?.pipeOnData !== undefined) Object.defineProperty(state, 'pipeOnData', BY_WRITE);\n",
        '',
        { since: [26, 12] },
      ],
    },
  },
  {
    file: 'node/guard/list.js',
    tests: ['node/guard/pipelines.test.js'],
    mutants: {
      'a list is let go at once': ['      queueOf(readable).lists(end);\n', '      end();\n'],
      'the list in the list of streams is not seen': [
        'Array.isArray(first) && Array.isArray(first[0]) ? first[0] : first',
        'first',
      ],
      'a refused list is held': [
        '    } catch (error) {\n      end();\n      throw error;\n    }\n  };\n\n/** The source',
        '    } catch (error) {\n      throw error;\n    }\n  };\n\n/** The source',
      ],
    },
  },
  {
    file: 'node/guard/collect.js',
    tests: ['node/guard/pipelines.test.js'],
    mutants: {
      'what was collected is dead': [
        'settling(promise, queueOf(readable).keeps())',
        'settling(promise, () => {})',
      ],
    },
  },
  {
    file: 'node/guard/web.js',
    tests: ['node/guard/web-streams.test.js'],
    mutants: {
      'what is enqueued is not copied': [
        "enqueue.call(this, copied(chunk, 'web'))",
        'enqueue.call(this, chunk)',
      ],
      'what a transform passes on is held for its write alone': [
        'if (!ofTransforms.has(this)) holding.add(writer);',
        'holding.add(writer);',
      ],
      'every writer copies': ['holding.add(writer);', ''],
      'a list is not copied': ['iterable.map(toCopy)', 'iterable'],
    },
  },
  {
    file: 'node/guard/socket.js',
    tests: ['node/guard/sockets.test.js'],
    mutants: {
      'a socket is let go at once': [".once('close', end)", ''],
      'what net.connect() gives is not looked into': ['args.flat()', 'args'],
    },
  },
];
