'use strict';

// What admission() costs a POST of 4 KiB that has room: Node's own IncomingMessage and ServerResponse, 50 requests to a socket one after another, as keep-alive makes
// them, each answered, finished and closed.
//
// Caveats: the sockets are connected to nothing, so no system call is in it, and the body does not come: with a length it makes no difference to
// admission(). Without one each chunk is counted, which is shown by a body of one chunk.

const { Budget, admission } = require('..');
const { exchangeOn, overSockets } = require('./fixtures/nowhere.js');
const { compare } = require('./harness.js');

const LONGER = { slices: 32, warmUpMs: 500 };
const chunk = Buffer.alloc(4096);

let count = 0; // of keys

function serve(socket, headers, middleware) {
  const { req, res } = exchangeOn(socket, 'POST', headers);
  const next = () => {
    if (headers === CHUNKED) req.push(chunk);
    res.end('ok');
  };
  if (middleware === null) next();
  else middleware(req, res, next);
}

const PLAIN = { host: 'localhost', 'content-length': '4096' };
const CHUNKED = { host: 'localhost', 'transfer-encoding': 'chunked' };
const NO_BODY = { host: 'localhost' };

function requests(headers, options) {
  const budget = new Budget({ name: 'server', maxBytes: 2 ** 30 });
  const middleware = options === null ? null : admission({ budget, ...options });
  return overSockets((socket) => serve(socket, headers, middleware));
}

function withAndWithout(headers, ways) {
  const without = 'without';
  const rivals = { [without]: requests(headers, null) };
  const derived = {};
  for (const [name, options] of Object.entries(ways)) {
    rivals[name] = requests(headers, options);
    derived[`${name} (difference)`] = (pass) => pass[name] - pass[without];
  }
  return compare(rivals, derived, LONGER);
}

module.exports = {
  notMeasured: 'requests that wait or are refused (see `npm run demo -- --flood`), HTTP/2',
  scenarios: {
    'a POST of 4 KiB': () =>
      withAndWithout(PLAIN, {
        'admission()': {},
        'with wait': { wait: {} },
        'with a key of a thousand': { key: () => `${count++ % 1000}` },
      }),
    'a POST of 4 KiB, without a length': () => withAndWithout(CHUNKED, { 'admission()': {} }),
    'a request without a body': () => withAndWithout(NO_BODY, { 'admission()': {} }),
  },
};
