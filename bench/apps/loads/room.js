/**
 * Many clients of a server that broadcasts. A broadcast is one request: it is over when each of
 * them has what was sent. All bytes of each are compared.
 */
module.exports = class Room {
  #clients;
  #start;
  #onDone;
  #expected = null;
  #missing = 0;
  #fault = null;

  /**
   * @param {number} clients how many there are
   * @param {(id: number) => Buffer} start has request `id` sent, and returns what each client is
   * due
   * @param {() => void} destroy ends all of them
   */
  constructor(clients, { start, destroy }, onDone) {
    this.#clients = clients;
    this.#start = start;
    this.destroy = destroy;
    this.#onDone = onDone;
  }

  send(_mix, id) {
    this.#missing = this.#clients;
    this.#fault = null;
    this.#expected = this.#start(id);
  }

  /** A client has got `bytes`. */
  take(bytes) {
    this.#note(this.#expected?.equals(bytes) ? null : 'a client got other bytes');
  }

  /** A client gets no more. */
  lose() {
    this.#note('a connection was closed');
  }

  #note(fault) {
    this.#fault ??= fault;
    if (--this.#missing === 0) this.#onDone(this, this.#fault, this.#fault === null);
  }
};
