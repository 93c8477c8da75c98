'use strict';

const files = ['node/guard/files.test.js'];
const handles = ['node/guard/files.test.js'];

module.exports = [
  {
    file: 'node/guard/fs.js',
    tests: files,
    mutants: {
      'a dead Buffer goes on': ['time.nextTick(args[last], error);\n      return undefined;', ''],
      'ends when the function returns': [
        'if (last !== -1) args[last] = whenCalled(args[last], end);\n    try {',
        'try {\n      if (last !== -1) end();',
      ],
      'readFile() is not held': [
        '  readFile: readOptions(1),\n',
        '',
        { equivalent: 'on Node 20, where mutants run: it takes no Buffer' },
      ],
    },
  },
  {
    file: 'node/guard/buffers.js',
    tests: handles,
    mutants: {
      'no Buffer in options': ['isView(value) ? value : value?.buffer', 'value', { tests: files }],
      'lists are not held': ["beginAll(args[at], 'fs') : undefined", 'undefined : undefined'],
      'iterables are not held': ['args[at] = holding(data);', 'args[at] = data;'],
      'the Buffers of an array are held one by one': [
        'Array.isArray(data) ? beginAll',
        'false ? beginAll',
        { tests: ['node/guard/dead.test.js'] },
      ],
      'async iterables alone are held': [" || typeof data[Symbol.iterator] === 'function'", ''],
      'chunks are never let go': ['end?.();\n    }', '\n    }'],
      'chunks are held when the next is asked for too': [
        'yield chunk;\n    } finally {\n      end?.();',
        'yield chunk;\n    } finally {\n      setTimeout(() => end?.(), 50);',
      ],
    },
  },
  {
    file: 'node/guard/file-streams.js',
    tests: ['node/guard/files.test.js'],
    mutants: {
      'paths are left as they are': ["copied(path, 'fs')", 'path'],
      'what is written to a Utf8Stream is left as it is': [
        "copied(data, 'fs')",
        'data',
        { equivalent: 'on Node 20, where mutants run: it has none' },
      ],
    },
  },
  {
    file: 'node/guard/promises.js',
    tests: files,
    mutants: {
      'a dead Buffer throws': ['return Promise.reject(error);', 'throw error;', { tests: handles }],
      'not held until the promise settles': [
        'return settling(Reflect.apply(original, this, args), end);',
        'end();\n    return Reflect.apply(original, this, args);',
      ],
    },
  },
  {
    file: 'node/guard/file-handle.js',
    tests: handles,
    mutants: {
      'open() is not watched': ['guarded ? opening : opening.then(see)', 'opening'],
      'no file is opened at first': ['if (!mayOpen(file)) return;', 'return;'],
      'the file stays open': ['.then((handle) => see(handle).close())', '.then(see)'],
      'a denied file is not expected': [
        '    .catch(() => {}); // then',
        '; // then',
        { equivalent: 'asked before; open() fails without permission alone' },
      ],
      "one's own class is any": [
        "if (prototype?.constructor?.name !== 'FileHandle') return false;",
        '',
        { equivalent: 'Node gives no other, and what has no such methods is left' },
      ],
    },
  },
  {
    file: 'node/guard/operation.js',
    tests: handles,
    mutants: {
      'a promise is over before who awaits it has seen it': [
        'end.isFirst ? end() : time.nextTick(end)',
        'end()',
      ],
      'a rejected promise is never over': [
        '    (error) => {\n      endSettled(end);',
        '    (error) => {',
      ],
      'a callback comes after the end': [
        'try {\n      return Reflect.apply(callback, this, results);\n    } finally {\n      end();\n    }',
        'end();\n    return Reflect.apply(callback, this, results);',
        { tests: ['node/guard/operation.test.js'] },
      ],
      'who awaits a promisified function finds nothing': [
        'end.isFirst ? end : () => afterAwaits(end)',
        'end',
        { tests: ['node/guard/operation.test.js'] },
      ],
      'a tick alone comes before who awaits': [
        'settled.then(() => time.nextTick(work));',
        'time.nextTick(work);',
        { tests: ['node/guard/operation.test.js'] },
      ],
      'what began before one is refused stays held': [
        'for (const end of ends) end();\n    throw error;',
        'throw error;',
      ],
    },
  },
  {
    file: 'node/guard/http.js',
    tests: ['node/guard/http.test.js'],
    mutants: {
      'what is destroyed without a socket stays held': [
        'if (keeping > 0 && !this.socket) letGo(this);',
        '',
        { tests: ['node/guard/dead.test.js'] },
      ],
      'nothing ends what a message keeps': ['    wrapEnds();\n', ''],
      'messages that keep something are not counted': [
        '    keeping++;\n',
        '',
        { tests: ['node/guard/http.test.js'] },
      ],
      'a response with its socket is held twice': ['this.socket ? give : giveHeld', 'giveHeld'],
      'a message that waits is not held': [
        'const how = this.socket ? give',
        'const how = true ? give',
        { equivalent: 'give() looks after the call too' },
      ],
      'the close of a message is not heard': [
        "message.once('close', onClose);",
        '',
        {
          equivalent: 'on Node 20, where mutants run: there no message with a socket keeps chunks',
        },
      ],
      'the close of a socket is not heard': [
        "socket.once('close', onSocketClose);",
        '',
        { tests: ['node/guard/http.test.js'] },
      ],
      'what is flushed stays held': ['  else letGo(message);', ''],
      'what is behind the headers of a dead chunk is sent': [
        'if (message._header) message.destroy(error);',
        '',
        { tests: ['node/guard/dead.test.js'] },
      ],
      'a dead chunk is sent': [
        'if (chunk.byteLength === 0 || holder.isFreed?.(chunk)) take(message, holder, chunk)();',
        '',
        { tests: ['node/guard/http.test.js'] },
      ],
      'a freed chunk is left to the socket': [
        'chunk.byteLength === 0 || holder.isFreed?.(chunk)',
        'chunk.byteLength === 0',
        { tests: ['node/guard/freed.test.js'] },
      ],
    },
  },
  {
    file: 'node/guard/http2.js',
    tests: ['node/guard/freed.test.js'],
    mutants: {
      'what is behind the headers of a dead chunk is sent': [
        'if (response.headersSent) response.stream.destroy(error);',
        '',
      ],
      'a freed chunk is left to the stream': ['!holder.isFreed?.(chunk)', 'true'],
      'http2 is loaded for it': [
        'if (isLoaded()) guardResponses();',
        'if (true) guardResponses();',
      ],
      'no server that comes later is seen': ['if (isOfHttp2(this)) guardResponses();', ''],
    },
  },
  {
    file: 'node/guard/pending.js',
    tests: ['node/guard/dead.test.js', 'node/guard/crypto.test.js'],
    mutants: {
      'what cannot be expanded stays held': ['        endAll(pending);\n', ''],
      'what is destroyed stays held': ["writable.once('close'", "writable.once('never'"],
      'the thread pool is done at close': ['if (end !== first || !waits) end();', 'end();'],
      'the thread pool always has the oldest chunk': [
        'const waits = isBusy(handle, writable);',
        'const waits = true;',
      ],
      'a stream that waits for its reader is at work': [
        ' && writable._read === getPrototypeOf(writable)._read',
        '',
      ],
    },
  },
  {
    file: 'node/guard/dgram.js',
    tests: ['node/guard/sockets.test.js'],
    mutants: {
      'a list is not copied': ['message.map(toCopy)', 'message'],
    },
  },
  {
    file: 'node/guard/https.js',
    tests: ['node/guard/http.test.js'],
    mutants: {
      'requests have what dies': ['withCopies(options, SECRETS), ...rest);', 'options, ...rest);'],
      'an agent has what dies': [
        'const value = withCopies(options, SECRETS);',
        'const value = options;',
      ],
      'lists have what dies': ['if (!Array.isArray(value)) return value;', 'return value;'],
      'keys of a list have what dies': ["withCopies(part, ['pem', 'buf'])", 'part'],
      "a user's list is changed": ['copy = value.slice();', 'copy = value;'],
      "a user's options are changed": [
        'copies = { __proto__: Object.getPrototypeOf(options), ...options };',
        'copies = options;',
      ],
    },
  },
  {
    file: 'node/guard/crypto.js',
    tests: ['node/guard/crypto.test.js'],
    mutants: {
      'an ArrayBuffer is not held': [
        'target instanceof ArrayBuffer ? new Uint8Array(target) : target',
        'target',
      ],
      'what Node refuses stays held': ['      end();\n      throw error;', '      throw error;'],
    },
  },
];
