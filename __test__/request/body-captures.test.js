'use strict';
// tier: run-time, differs

// Whoever may have a chunk of a body keeps its bytes: it is released only where nobody can. Each capture here has a real
// request whose chunks come one by one, so that they are there before, while and after body() or chunks() reads.

const test = require('ava');
const { IncomingMessage } = require('node:http');
const { keepsParserFunctions } = require('../helpers/backend.js');
const { sameBytes } = require('../helpers/bytes.js');
const { SIZE, ask, readers, releasedBy } = require('../helpers/uploads.js');
const { until } = require('../helpers/until.js');
const { stats } = require('../..');

const cached = Buffer.from(new ArrayBuffer(1000)).fill(9);

/** Has the parser of `req` call take(chunk, method) instead of its method. Returns a function that puts the method back. */
function onBody({ socket: { parser } }, take) {
  const index = parser.constructor.kOnBody;
  const method = parser[index];
  parser[index] = function (chunk) {
    if (this === undefined) return undefined; // ralloc asks whether the function is Node's
    return take(chunk, (given) => method.call(this, given));
  };
  return () => {
    parser[index] = method;
  };
}

/** Gives a message a prototype between it and Node's. */
const asExpress = (req) => Object.setPrototypeOf(req, Object.create(IncomingMessage.prototype));

/** What somebody does with `req` before its body is read; `kept` is for the Buffers that he has. */
const before = {
  'a listener of data': (req, kept) => req.on('data', (chunk) => kept.push(chunk)),
  'a listener of readable': (req, kept) =>
    req.on('readable', () => {
      const chunk = req.read();
      if (chunk !== null) kept.push(chunk);
    }),
  'a method on()': (req, kept) => {
    const { on } = req;
    req.on = function (name, listener) {
      return on.call(this, name, (...args) => {
        if (name === 'data') kept.push(args[0]);
        return listener.apply(this, args);
      });
    };
  },
  'a method emit()': (req, kept) => {
    const { emit } = req;
    req.emit = function (...args) {
      if (args[0] === 'data') kept.push(args[1]);
      return emit.apply(this, args);
    };
  },
  'a method push()': (req, kept) => {
    const { push } = req;
    req.push = function (chunk, ...rest) {
      if (chunk !== null) kept.push(chunk);
      return push.call(this, chunk, ...rest);
    };
  },
  'a class of his own': (req, kept) => {
    class Mine extends IncomingMessage {
      push(chunk, encoding) {
        if (chunk !== null) kept.push(chunk);
        return super.push(chunk, encoding);
      }
    }
    Object.setPrototypeOf(req, Mine.prototype);
  },
  'a method push() beside a prototype as Express gives it': (req, kept) => {
    asExpress(req);
    before['a method push()'](req, kept);
  },
  'a method of the parser': (req, kept) => {
    const put = onBody(req, (chunk) => {
      kept.push(chunk);
      req.push(chunk);
    });
    req.on('end', put); // it serves other connections too
  },
  'a function before the parser`s method': (req, kept) => {
    const put = onBody(req, (chunk, method) => {
      kept.push(chunk);
      return method(chunk);
    });
    req.on('end', put);
  },
};

const oncePrepended = (req, kept) => req.prependOnceListener('data', (chunk) => kept.push(chunk));

/** The same once the body is being read. */
const meanwhile = {
  'a listener of data, later': (req, kept) => req.on('data', (chunk) => kept.push(chunk)),
  'a listener that is gone when one counts': oncePrepended,
  'a pipe, later': (req, kept) => {
    const { Writable } = require('node:stream');
    req.pipe(
      new Writable({
        write(chunk, _encoding, done) {
          kept.push(chunk);
          done();
        },
      }),
    );
  },
  'a method of the parser, later': before['a method of the parser'],
  'a function before the parser`s method, later': before['a function before the parser`s method'],
  'a method emit(), later': before['a method emit()'],
  'a method push(), later': before['a method push()'],
};

const given = {
  'unshift()': (req) => req.unshift(cached),
  'emit()': (req) => req.emit('data', cached),
  'push()': (req) => req.push(cached),
};

let id = 1;

/**
 * Sends an upload to handle(req, kept), which gives its body: what is in `kept` has its bytes, and the answer is right. Returns what was released.
 * `extra`: bytes before the upload's own. `isRight`, `isSeen`: whether the answer is as without anybody else, and somebody has a chunk.
 */
async function keeps(t, handle, { extra = 0, isRight = true, isSeen = true } = {}) {
  const own = ++id;
  const kept = [];
  const released = await releasedBy(async () => {
    const answer = await ask(t, own, (req) => handle(req, kept), extra);
    if (isRight) t.is(answer, `${SIZE + extra} true`);
  });
  for (const chunk of kept) t.true(chunk.length > 0 && chunk.every((byte) => byte === own));
  t.is(kept.length > 0, isSeen);
  return released;
}

for (const [method, read] of Object.entries(readers)) {
  for (const [what, given] of [
    ['without anybody else', (req) => req],
    ['of a message with a prototype as Express gives it', asExpress],
  ]) {
    test.serial(`${method}: ${what} all of it is released`, async (t) => {
      t.is(await keeps(t, (req) => read(given(req)), { isSeen: false }), SIZE);
    });
  }

  for (const [name, capture] of Object.entries(before)) {
    test.serial(`${method}: ${name}: nothing is released`, async (t) => {
      const captured = (req, kept) => {
        capture(req, kept);
        return read(req);
      };
      t.is(await keeps(t, captured, { isRight: name !== 'a listener of readable' }), 0);
    });
  }

  for (const [name, capture] of Object.entries(meanwhile)) {
    const isNeverCalled = keepsParserFunctions && name.includes('parser');
    test.serial(`${method}: ${name}: nothing of what it has is released`, async (t) => {
      const captured = async (req, kept) => {
        const body = read(req);
        await until(() => req.readableDidRead);
        capture(req, kept);
        return body;
      };
      await keeps(t, captured, { isSeen: !isNeverCalled });
    });
  }

  for (const isReading of [true, false]) {
    const when = isReading ? 'once it is read' : 'before it is read';
    test.serial(
      `${method}: a function that was before the parser\`s method, ${when}: nothing of what it has is released`,
      async (t) => {
        await keeps(t, async (req, kept) => {
          const body = isReading ? read(req) : undefined;
          const put = onBody(req, (chunk, parsed) => {
            kept.push(chunk);
            parsed(chunk);
            put();
          });
          if (!isReading) await until(() => kept.length > 0);
          return body ?? read(req);
        });
      },
    );
  }

  for (const [name, capture] of [
    ['a method emit()', before['a method emit()']],
    ['a listener that is gone when one counts', oncePrepended],
  ]) {
    test.serial(`${method}: ${name}, set while a chunk waits: it is seen`, async (t) => {
      await keeps(t, async (req, kept) => {
        await until(() => req.readableLength > 0);
        const body = read(req);
        capture(req, kept);
        return body;
      });
    });
  }

  for (const isLate of [false, true]) {
    const when = isLate ? 'once a chunk waits' : 'at once';
    test.serial(
      `${method}: a listener that comes with the first one is seen: ${when}`,
      async (t) => {
        const captured = async (req, kept) => {
          let isHeard = false;
          req.on('newListener', (name) => {
            if (name !== 'data' || isHeard) return;
            isHeard = true;
            req.once('data', (chunk) => kept.push(chunk));
          });
          if (isLate) await until(() => req.readableLength > 0);
          return read(req);
        };
        t.is(await keeps(t, captured), 0);
      },
    );
  }

  test.serial(
    `${method}: what comes behind a Buffer of somebody is read in its order, and others are seen`,
    async (t) => {
      const { seen } = stats().bodies.left;
      const captured = async (req, kept) => {
        req.pause();
        req.unshift(cached);
        const body = read(req);
        req.pause();
        await until(() => req.readableLength > cached.length);
        req.resume();
        await until(() => req.readableLength === 0);
        req.prependOnceListener('data', (chunk) => kept.push(chunk)); // gone when one counts
        return body;
      };
      await keeps(t, captured, { extra: cached.length });
      t.is(cached.length, 1000);
      t.true(stats().bodies.left.seen > seen);
    },
  );

  for (const [name, give] of Object.entries(given)) {
    for (const later of [false, true]) {
      test.serial(
        `${method}: a Buffer that came by ${name}${later ? ' later' : ''} is not released`,
        async (t) => {
          const captured = (req) => {
            if (!later && name !== 'emit()') give(req);
            const body = read(req);
            if (later || name === 'emit()') give(req);
            return body;
          };
          const answer = await ask(t, ++id, captured, cached.length);
          t.regex(answer, new RegExp(`^${SIZE + cached.length} `));
          t.is(cached.length, 1000);
          t.true(cached.every((byte) => byte === 9));
        },
      );
    }
  }

  test.serial(`${method}: a listener of the socket has bytes of its own`, async (t) => {
    const kept = [];
    const captured = (req) => {
      req.socket.on('data', (chunk) => kept.push({ chunk, copy: Buffer.from(chunk) }));
      return read(req);
    };
    t.is(await ask(t, ++id, captured), `${SIZE} true`);
    t.true(kept.length > 0);
    for (const { chunk, copy } of kept) sameBytes(t, chunk, copy);
  });
}
