'use strict';

// The middleware of Koa: `app.use(admission(options))`.

const { checkCalled } = require('../request/messages.js');
const { Admission, REFUSED } = require('./admission.js');

function admission(options, ...rest) {
  checkCalled([options, ...rest], true, 'admission');
  const own = new Admission(options);
  return own.face((ctx, next) => {
    const settle = (outcome) => {
      if (outcome !== REFUSED) return next();
      ctx.respond = false;
    };
    const outcome = own.enter(ctx.req, ctx.res);
    const isLate = outcome !== undefined && outcome !== REFUSED;
    return isLate ? outcome.then(settle) : settle(outcome);
  });
}

module.exports = { admission };
