'use strict';

// A reverse proxy for HTTP/1.1:
//
//   node examples/reverse-proxy.js --origin http://127.0.0.1:3000 [--port 8080] [--host 127.0.0.1] [--timeout-ms 30000]
//
// Bodies go through in both directions, and nobody here looks at them. pump() moves them as stream.pipeline() would, and gives each
// chunk that Node's parser made back when the next socket has it. Connections to the origin are kept alive.
//
// Until the origin has answered, its failures have a status: 502 for a connection that fails, 504 for one that is silent for too long.
// After that there is no other way to tell than to cut the answer off, and a client that goes takes its request to the origin with it.

const { once } = require('node:events');
const http = require('node:http');
const { parseArgs } = require('node:util');
const { pump } = require('ralloc');
const { program } = require('./shared/program.js');

/** Headers of one connection, which are not for the next (RFC 9110, 7.6.1); with them those that Connection names. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What is passed on of the headers of a message, each with all its values. */
function passedOn({ headers, headersDistinct }) {
  const named = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return Object.fromEntries(
    Object.entries(headersDistinct)
      .filter(([name]) => !dropped.has(name))
      .map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  );
}

const joined = (...values) => values.flat().filter(Boolean).join(', ');

const hasBody = ({ headers }) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;

const timedOut = () => Object.assign(new Error('The origin is silent'), { code: 'ETIMEDOUT' });

class ReverseProxy {
  #origin;
  #timeoutMs;
  #agent;
  #server = http.createServer((req, res) => this.#serve(req, res));
  #counts = { requests: 0, answered: 0, failed: 0, timedOut: 0, cut: 0 };

  /** `origin`: a URL, of which host and port are used; `timeoutMs` of silence until it answers are too long. */
  constructor(origin, { timeoutMs = 30_000, maxSockets = 256 } = {}) {
    this.#origin = new URL(origin);
    if (this.#origin.protocol !== 'http:') throw new TypeError(`The origin is not http: ${origin}`);
    this.#timeoutMs = timeoutMs;
    this.#agent = new http.Agent({ keepAlive: true, maxSockets, noDelay: true });
  }

  /** Resolves to the address. */
  async listen(port = 0, host = '127.0.0.1') {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return this.#server.address();
  }

  /** Takes no more connections, and resolves when all answers are out. */
  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
    this.#agent.destroy();
  }

  /** Requests; answers of the origin passed on whole; answered with 502 and with 504; cut off by either side. */
  get stats() {
    return { ...this.#counts };
  }

  async #serve(req, res) {
    this.#counts.requests++;
    let answer;
    try {
      answer = await this.#ask(req, res);
      res.writeHead(answer.statusCode, answer.statusMessage, passedOn(answer));
      await pump(answer, res);
      this.#counts.answered++;
    } catch (error) {
      answer?.destroy(); // where the client had gone before, nobody has
      this.#fail(req, res, error);
    }
  }

  /** The origin's answer. A connection that it closed while it was idle is noticed by the next request only: that is sent again. */
  async #ask(req, res) {
    try {
      return await this.#send(req, res);
    } catch (error) {
      const isSafe = ['GET', 'HEAD', 'OPTIONS'].includes(req.method) && !hasBody(req);
      if (!error.isReused || error.code !== 'ECONNRESET' || !isSafe || res.destroyed) throw error;
      return this.#send(req, res);
    }
  }

  #send(req, res) {
    const upstream = http.request({
      host: this.#origin.hostname,
      port: this.#origin.port || 80,
      agent: this.#agent,
      timeout: this.#timeoutMs,
      method: req.method,
      path: req.url,
      headers: this.#headersOf(req),
    });
    const onGone = () => upstream.destroy();
    res.once('close', onGone);
    return new Promise((resolve, reject) => {
      const fail = (error) =>
        reject(Object.assign(error, { isReused: upstream.reusedSocket === true }));
      upstream.on('error', fail);
      upstream.on('timeout', () => upstream.destroy(timedOut()));
      upstream.on('response', (answer) => {
        res.off('close', onGone); // pump() hears it from now on
        upstream.setTimeout(0); // a client may read as slowly as it likes
        resolve(answer);
      });
      // A failure of the upload is one of the request, unless the origin has answered without reading it all.
      if (hasBody(req)) pump(req, upstream).catch(fail);
      else upstream.end();
    });
  }

  #headersOf(req) {
    const headers = passedOn(req);
    const { remoteAddress } = req.socket;
    delete headers.expect; // Node has sent "100 Continue" already
    headers['x-forwarded-for'] = joined(headers['x-forwarded-for'], remoteAddress);
    headers['x-forwarded-host'] ??= headers.host ?? '';
    headers['x-forwarded-proto'] ??= 'http';
    headers.via = joined(headers.via, '1.1 reverse-proxy');
    headers.host = this.#origin.host;
    if (req.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
    return headers;
  }

  #fail(req, res, error) {
    if (res.headersSent || res.destroyed) {
      this.#counts.cut++;
      res.destroy();
      return;
    }
    const status = error.code === 'ETIMEDOUT' ? 504 : 502;
    this.#counts[status === 504 ? 'timedOut' : 'failed']++;
    const headers = { 'Content-Type': 'text/plain; charset=utf-8' };
    if (!req.complete) headers.Connection = 'close'; // the rest of the request is not read
    res.writeHead(status, headers);
    res.end(`${http.STATUS_CODES[status]}\n`);
  }
}

const USAGE = 'usage: node reverse-proxy.js --origin URL [--port N] [--host HOST] [--timeout-ms N]';

function parse(words) {
  const text = { type: 'string' };
  const options = { origin: text, port: text, host: text, 'timeout-ms': text };
  const { values } = parseArgs({ args: words, options });
  const read = (name, fallback, most) => {
    const value = Number(values[name] ?? fallback);
    if (Number.isInteger(value) && value >= 0 && value <= most) return value;
    throw new RangeError(`--${name} must be an integer from 0 to ${most}, not ${values[name]}`);
  };
  const { origin, host = '127.0.0.1' } = values;
  const isUrl = URL.canParse(origin ?? '') && new URL(origin).protocol === 'http:';
  if (!isUrl) throw new TypeError('--origin must be a URL of http');
  const timeoutMs = read('timeout-ms', 30_000, 2 ** 31 - 1);
  return { origin, host, timeoutMs, port: read('port', 8080, 65_535) };
}

const tell = ({ stats: { requests, answered, failed, timedOut, cut } }) => [
  `${requests} requests, ${answered} answered, ${failed + timedOut} failed, ${cut} cut off`,
];

module.exports = { ReverseProxy };

program(module, {
  usage: USAGE,
  parse,
  create: (options) => new ReverseProxy(options.origin, options),
  tell,
});
