// Kept-alive connections of HTTP/1, over TLS or not, one request at a time (undici). All bytes of
// every answer are compared, of one that is compressed what it was.

const { gunzipSync } = require('node:zlib');
const { Client } = require('undici');

const CONNECTIONS = 50;
const TIMEOUT = 20_000;

class Connection {
  #client;
  #exchanges;
  #onDone;
  #exchange = null;
  #at = 0; // in the answer
  #zipped = []; // chunks of one that is compressed
  #fault = null;

  constructor(port, { exchanges, isSecure }, onDone) {
    this.#client = new Client(`${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`, {
      pipelining: 1,
      connect: { rejectUnauthorized: false },
      keepAliveTimeout: 600_000,
      headersTimeout: TIMEOUT,
      bodyTimeout: TIMEOUT,
    });
    this.#exchanges = exchanges;
    this.#onDone = onDone;
  }

  send(_mix, id) {
    this.#exchange = this.#exchanges[id % this.#exchanges.length];
    this.#at = 0;
    this.#zipped = [];
    this.#fault = null;
    const { method = 'GET', path = '/', headers, body } = this.#exchange;
    this.#client.dispatch({ method, path, headers, body }, this);
  }

  destroy() {
    return this.#client.destroy();
  }

  #end(fault) {
    this.#onDone(this, fault, fault === null);
  }

  // The handler of undici's dispatch, the same object for all requests of the connection.
  onRequestStart() {}

  onResponseStart(_controller, status) {
    if (status !== 200) this.#fault = `status ${status}`;
  }

  onResponseData(_controller, chunk) {
    if (this.#exchange.isGzip) this.#zipped.push(Buffer.from(chunk));
    else this.#compare(chunk);
  }

  #compare(chunk) {
    const { answer } = this.#exchange;
    const end = this.#at + chunk.length;
    const isRight =
      end <= answer.length && answer.compare(chunk, 0, chunk.length, this.#at, end) === 0;
    if (!isRight)
      this.#fault ??= `other bytes than ${answer.subarray(this.#at, end).toString('latin1', 0, 40)}…`;
    this.#at = end;
  }

  #inflate() {
    try {
      this.#compare(gunzipSync(Buffer.concat(this.#zipped)));
    } catch (error) {
      this.#fault ??= error.message;
    }
  }

  onResponseEnd() {
    if (this.#exchange.isGzip) this.#inflate();
    const { length } = this.#exchange.answer;
    if (this.#at !== length) this.#fault ??= `${this.#at} bytes instead of ${length}`;
    this.#end(this.#fault);
  }

  onResponseError(_controller, err) {
    // Not at once: while it closes a connection undici must not be given a request.
    setImmediate(() => this.#end(err.message));
  }
}

module.exports = (port, onDone, { connections = CONNECTIONS, ...how }) =>
  Array.from({ length: connections }, () => new Connection(port, how, onDone));
