'use strict';

// The middleware of Hono on @hono/node-server: `app.use(admission(options))`. On other platforms there is no request of Node to watch, and every request goes on.

const { checkCalled } = require('../request/messages.js');
const { Admission, REFUSED, settled } = require('./admission.js');

/** A Response by which @hono/node-server knows that `outgoing` was answered already. It has to be one of the platform, which a clone is; its own would be sent. */
const answered = () => new Response(null, { headers: { 'x-hono-already-sent': 'true' } }).clone();

function admission(options, ...rest) {
  checkCalled([options, ...rest], true, 'admission');
  const own = new Admission(options);
  return own.face((c, next) => {
    const { incoming, outgoing } = c.env ?? {};
    if (typeof outgoing?.on !== 'function') return next();
    const settle = (outcome) => (outcome === REFUSED ? answered() : next());
    return settled(own.enter(incoming, outgoing), settle);
  });
}

module.exports = { admission };
