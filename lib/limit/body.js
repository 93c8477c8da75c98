'use strict';

// The body of one request under the limit. Of a compressed body what comes out of its decoders
// counts, too.

const { Inflow, lengthOf } = require('../admission/inflow.js');
const time = require('../base/time.js');
const { endRequest } = require('../node/http2-stream.js');
const { watchResponse } = require('../request/response.js');

const QUIET = 8; // ticks without a byte

class Body extends Inflow {
  got = 0;
  isOver = false; // its response, too
  since = time.now();
  begin = null; // calls the handler, of a request that waits
  #controller;
  #quiet = 0; // ticks since bytes came, although it was read

  constructor(req, res, controller) {
    super(req, res, lengthOf(req));
    this.#controller = controller;
    this.watch();
    watchResponse(req, res, this, false);
    // a stream of HTTP/2 stays open for ever if its body is not read to the end
    this.stream?.once('finish', () => this.isRefused || this.end());
  }

  get stream() {
    return this.req.stream;
  }

  goOn() {
    this.#quiet = 0;
    super.goOn();
  }

  /** A body that is not read cannot come on. */
  tick(tickMs) {
    if (this.isStopped || this.begin !== null) return;
    this.#quiet++;
    if (this.pace.isOver(tickMs)) this.pace.look(this.got);
  }

  /**
   * Whether it has room for nothing now: others go on meanwhile, and make way once more of it
   * comes.
   */
  get isQuiet() {
    return this.#quiet >= QUIET;
  }

  arrives(bytes) {
    this.#quiet = 0;
    this.got += bytes;
    this.#controller.arrives(bytes);
  }

  ends() {
    this.#controller.ends();
  }

  destroy() {
    this.isRefused = true;
    endRequest(this.req);
  }

  /** Called when the response is over. */
  end() {
    if (this.isOver) return;
    this.isOver = true;
    this.over();
    this.#controller.leaves(this);
  }
}

module.exports = { Body };
