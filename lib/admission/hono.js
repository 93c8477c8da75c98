'use strict';

// The middleware for Hono on @hono/node-server: `app.use(admission(options))`. On other platforms
// there is no Node request to watch, so every request is let in.

const { checkCalled } = require('../request/messages.js');
const { Admission, REFUSED, settled } = require('./admission.js');

/**
 * A Response that tells @hono/node-server that `outgoing` was answered already. It must be the
 * platform's own class, as a clone is: a Response of @hono/node-server would be sent.
 */
const answered = () => new Response(null, { headers: { 'x-hono-already-sent': 'true' } }).clone();

function admission(options, ...rest) {
  checkCalled([options, ...rest], true, 'admission');
  const own = new Admission(options);
  return own.addMethods((c, next) => {
    const { incoming, outgoing } = c.env ?? {};
    if (typeof outgoing?.on !== 'function') return next();
    const settle = (outcome) => (outcome === REFUSED ? answered() : next());
    return settled(own.enter(incoming, outgoing), settle);
  });
}

module.exports = { admission };
