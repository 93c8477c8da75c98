'use strict';

// The middleware of Hono on @hono/node-server: `app.use(admission(options))`. Elsewhere there is no request of Node, whose body could be seen: all go on.

const { checkCalled } = require('../request/messages.js');
const { Admission, REFUSED, settled } = require('./admission.js');

/** What @hono/node-server knows as "answered by `outgoing` itself": a Response of the platform, which a clone is, and not one of its own, which it sends. */
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
