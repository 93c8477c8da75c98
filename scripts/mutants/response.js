'use strict';

const abort = ['request/abort.test.js'];
const noSocket = ['request/response.test.js'];

module.exports = [
  {
    file: 'request/response.js',
    tests: ['request/connections.test.js'],
    mutants: {
      'a destroyed socket has open responses': [
        'isOwn ? socket.destroyed',
        'isOwn ? false',
        { tests: abort },
      ],
      'released at once': [
        'time.nextTick(release, this)',
        'release(this)',
        { tests: ['request/late.test.js'] },
      ],
      'stays in the list': [
        'if (list === undefined) return;\n  response.list',
        'if (true) return;\n  response.list',
        { tests: ['request/response.test.js'] },
      ],
      'the next of the list is lost': [
        'else previous.next = next;',
        'else previous.next = null;',
        { tests: ['request/response.test.js'] },
      ],
      'the way back is lost': [
        'else next.previous = previous;',
        'else next.previous = null;',
        { tests: noSocket },
      ],
      'the oldest stays the oldest': [
        'if (next === null) list.last = previous;\n  else',
        'if (next !== null)',
        { tests: noSocket },
      ],
      'the oldest closes, whoever it is': [
        'this.res === res && !this.isClosed',
        '!this.isClosed',
        { tests: noSocket },
      ],
      'the only one closes, whoever it is': [
        'last.res === this && !last.isClosed',
        '!last.isClosed',
        { tests: noSocket },
      ],
      'what stands around a response is not seen': [
        '(response ?? oldest(list, (one) => one.isUntold))?.close();',
        'response?.close();',
        { tests: noSocket },
      ],
      'each response has its own listener': [
        'list === undefined ? () => response.close() : list.onClose',
        '() => response.close()',
        { tests: noSocket },
      ],
      'the older ones are forgotten': [
        'this.next = list.first;',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'leaves the list twice': ['  response.list = undefined;\n', '', { tests: noSocket }],
      'always finished': ['response.isFinished || sent', 'true', { tests: abort }],
      'finished by its own word alone': [
        'response.isFinished || sent',
        'sent',
        { tests: noSocket },
      ],
      'finish is not waited for': [
        "if (!onSocket) res.on('finish', () => response.finish());",
        '',
        { tests: noSocket },
      ],
      'finish is the end on a socket too': ['if (!onSocket) res', 'res', { tests: noSocket }],
      'every stream is a socket': ['carrier instanceof Socket', 'true', { tests: noSocket }],
      'no stream is a socket': ['carrier instanceof Socket', 'false', { tests: noSocket }],
      'the socket of the request alone counts': [
        'own === socket || own === null || own === undefined',
        'true',
        { tests: noSocket },
      ],
      'pipelined responses are on no socket': [
        ' || own === null || own === undefined',
        '',
        { tests: noSocket },
      ],
      'what streams keep is detached': [
        'response.keepsChunks || !sent',
        '!sent',
        { tests: noSocket },
      ],
      'what was not sent is detached': [
        'response.keepsChunks || !sent',
        'response.keepsChunks',
        { tests: noSocket },
      ],
      "server's errors are detached": [
        '!sent || failed',
        '!sent',
        { tests: ['request/late.test.js'] },
      ],
      'every answer is an error': [
        'failed = res.statusCode >= 500',
        'failed = res.statusCode >= 200',
        { tests: ['request/late.test.js'] },
      ],
      'Buffers that are alive are told to be dead': [
        '!this.keepsChunks && this.isSent && !(statusCode >= 500)',
        'true',
        { tests: ['request/late.test.js'] },
      ],
      'finished without an end': [
        ' && (this.isOwn || res.writableEnded !== false)',
        '',
        { tests: ['request/http2.test.js'] },
      ],
      'what is on another stream is taken for the response of its socket': [
        'socket?._httpMessage === res',
        'socket !== undefined',
        { tests: ['request/http2.test.js', 'request/response.test.js'] },
      ],
      'finished when it was ended': [
        'response.isFinished || sent',
        'res.writableEnded === true',
        { tests: ['request/response.test.js'] },
      ],
      'the socket is not waited for': ["carrier.once('close', onSocketClose);", ''],
      'a listener for each request': [
        'carrier?.[kOpenResponses] ??',
        '',
        { tests: ['request/mount.test.js'] },
      ],
      'the socket closes before the response': [
        '  time.setImmediate(() => {\n    closeAll',
        '  (() => {\n    closeAll',
        { tests: ['request/response.test.js'] },
      ],
      'nobody looks at TLS': [
        'if (carrier.encrypted === true) time.outside(() => watchPeer(carrier, list));',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'every socket is looked at': [
        'if (carrier.encrypted === true)',
        'if (true)',
        { tests: ['request/response.test.js'] },
      ],
      'TLS is looked at too early': [
        'const PROBE_MS = 5000;',
        'const PROBE_MS = 4000;',
        { tests: ['request/response.test.js'] },
      ],
      'a peer that is there has gone': [
        '  if (status === 0) return;\n',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'a peer that nobody can ask for has gone': [
        'if (status !== undefined) closeAll',
        'closeAll',
        { tests: ['request/response.test.js'] },
      ],
      'closed connections are looked at': [
        '  if (list.probe !== null) time.clearInterval(list.probe);\n',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'http/2 by its socket': [
        'isStream ? req.stream : socket',
        'socket',
        { tests: ['request/http2.test.js'] },
      ],
      'a closed response is waited for': [
        'res.closed === true || ',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'a destroyed response is waited for': [
        'res.destroyed === true || ',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'a closed socket is waited for': [
        ' || socket?.destroyed === true',
        '',
        { tests: ['request/response.test.js'] },
      ],
      'what is over is finished': [
        'request.end(false, true)',
        'request.end(true, true)',
        { tests: ['request/response.test.js'] },
      ],
    },
  },
  {
    file: 'base/name.js',
    tests: ['request/late.test.js'],
    mutants: {
      'secrets are told': [".split('?', 1)", ".split('!', 1)"],
      'the host is told': [
        ".replace(/^\\w+:\\/\\/[^/]*/, '')",
        '',
        { tests: ['mistakes/lifetimes.test.js'] },
      ],
      'a response has the name of a request': [
        'if (req === undefined)',
        'if (true)',
        { tests: ['node/guard/refused.test.js'] },
      ],
    },
  },
  {
    file: 'node/guard/refused.js',
    tests: ['node/guard/refused.test.js'],
    mutants: {
      'nobody is told': [
        "  warnOnce('RALLOC_DEAD_SENT'",
        "  if (false) warnOnce('RALLOC_DEAD_SENT'",
      ],
      'debug mode tells it twice': [' || error.cause !== undefined', ''],
    },
  },
];
