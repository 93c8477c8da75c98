'use strict';

// One kept-alive connection, one request at a time (undici). One answer in SAMPLE is asked for
// whole and compared byte for byte; of the others the status is checked.

const { Client } = require('undici');

const SAMPLE = 97; // a prime: every kind of request (each fourth, each eighth) has its turn
const TIMEOUT = 20_000;

module.exports = class Connection {
  #client;
  #expected;
  #onDone;
  #id = 0;
  #mix = '';
  #status = 0;
  #chunks = null;

  /** `onDone(connection, fault, verified)` is called once for each request; fault is null or text. */
  constructor(port, expected, onDone) {
    this.#client = new Client(`http://127.0.0.1:${port}`, {
      pipelining: 1,
      keepAliveTimeout: 600_000,
      headersTimeout: TIMEOUT,
      bodyTimeout: TIMEOUT,
    });
    this.#expected = expected;
    this.#onDone = onDone;
  }

  send(mix, id) {
    const whole = id % SAMPLE === 0;
    const body = this.#expected.body(mix, id);
    this.#id = id;
    this.#mix = mix;
    this.#chunks = whole ? [] : null;
    const path = whole ? `/${mix}/${id}/whole` : `/${mix}/${id}`;
    this.#client.dispatch({ path, method: body ? 'POST' : 'GET', body }, this);
  }

  destroy() {
    return this.#client.destroy();
  }

  // The handler of undici's dispatch, the same object for all requests of the connection.
  onRequestStart() {}

  onResponseStart(_controller, status) {
    this.#status = status;
    if (status !== 200) this.#chunks = [];
  }

  onResponseData(_controller, chunk) {
    this.#chunks?.push(chunk);
  }

  onResponseEnd() {
    const chunks = this.#chunks;
    this.#chunks = null;
    if (chunks === null) return this.#onDone(this, null, false);
    if (this.#status === 200) {
      const fault = this.#expected.mismatch(this.#mix, this.#id, chunks);
      return this.#onDone(this, fault, fault === null);
    }
    const text = Buffer.concat(chunks).toString().slice(0, 500);
    this.#onDone(this, `${this.#mix} request ${this.#id}: status ${this.#status}: ${text}`, false);
  }

  onResponseError(_controller, err) {
    const fault = `${this.#mix} request ${this.#id}: ${err.message}`;
    // Not at once: while it closes a connection undici must not be given a request.
    setImmediate(() => this.#onDone(this, fault, false));
  }
};
