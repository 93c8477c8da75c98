'use strict';

// The middleware for Koa: `app.use(admission(options))`.

const { checkCalled } = require('../request/messages.js');
const { Admission, REFUSED, settled } = require('./admission.js');

function admission(options, ...rest) {
  checkCalled([options, ...rest], true, 'admission');
  const own = new Admission(options);
  return own.addMethods((ctx, next) => {
    const settle = (outcome) => {
      if (outcome !== REFUSED) return next();
      ctx.respond = false;
    };
    return settled(own.enter(ctx.req, ctx.res), settle);
  });
}

module.exports = { admission };
