// Kept-alive connections of HTTP/1, one request at a time (undici). All bytes of every answer are compared.

const { Client } = require('undici');

const CONNECTIONS = 50;
const TIMEOUT = 20_000;

class Connection {
  #client;
  #exchanges;
  #onDone;
  #exchange = null;
  #at = 0; // in the answer
  #fault = null;

  constructor(port, exchanges, onDone) {
    this.#client = new Client(`http://127.0.0.1:${port}`, {
      pipelining: 1,
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
    const { answer } = this.#exchange;
    const end = this.#at + chunk.length;
    const isRight =
      end <= answer.length && answer.compare(chunk, 0, chunk.length, this.#at, end) === 0;
    if (!isRight)
      this.#fault ??= `other bytes than ${answer.subarray(this.#at, end).toString('latin1', 0, 40)}…`;
    this.#at = end;
  }

  onResponseEnd() {
    const { length } = this.#exchange.answer;
    if (this.#at !== length) this.#fault ??= `${this.#at} bytes instead of ${length}`;
    this.#end(this.#fault);
  }

  onResponseError(_controller, err) {
    // Not at once: while it closes a connection undici must not be given a request.
    setImmediate(() => this.#end(err.message));
  }
}

module.exports = (port, onDone, { exchanges, connections = CONNECTIONS }) =>
  Array.from({ length: connections }, () => new Connection(port, exchanges, onDone));
