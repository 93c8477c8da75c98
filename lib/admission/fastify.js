'use strict';

// The plugin for Fastify 5: `app.register(require('ralloc/fastify').admission, options)`,
// `app.admission.stats()`.

const { argumentError } = require('../base/errors.js');
const { checkVersion } = require('../request/messages.js');
const { Admission } = require('./admission.js');

async function register(app, { prefix: _p, logLevel: _l, logSerializers: _s, ...options }) {
  checkVersion(app);
  if (app.hasDecorator('admission')) {
    throw argumentError(TypeError, 'The name "admission" of the application is taken');
  }
  const own = new Admission(options);
  app.decorate('admission', own.addMethods({}));
  app.addHook('onRequest', (request, reply, done) => {
    own.decide(request.raw, reply.raw, done, done, () => reply.hijack());
  });
}

module.exports = { admission: register };
