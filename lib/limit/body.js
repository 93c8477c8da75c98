'use strict';

// The body of one request under the limit. Of a compressed body what comes out of its decoders counts, too.

const { Inflow, lengthOf } = require('../admission/inflow.js');
const time = require('../base/time.js');
const { watchResponse } = require('../request/response.js');

class Body extends Inflow {
  got = 0;
  isOver = false; // its response, too
  since = time.now();
  begin = null; // calls the handler, of a request that waits
  #controller;

  constructor(req, res, controller) {
    super(req, res, lengthOf(req));
    this.#controller = controller;
    this.watch();
    watchResponse(req, res, this, false);
  }

  /** A body that is not read cannot come on. */
  tick(tickMs) {
    if (this.isStopped || this.begin !== null) return;
    if (this.pace.isOver(tickMs)) this.pace.look(this.got);
  }

  arrives(bytes) {
    this.got += bytes;
    this.#controller.arrives(bytes);
  }

  ends() {
    this.#controller.ends();
  }

  destroy() {
    this.isRefused = true;
    const { stream, socket } = this.req;
    if (stream !== undefined) stream.destroy();
    else socket?.destroy();
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
