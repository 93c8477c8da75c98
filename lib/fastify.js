'use strict';

// The plugins of Fastify 5: `app.register(require('ralloc/fastify'), options)`, `request.arena`,
// `app.arenas.stats()`; and `app.register(require('ralloc/fastify').admission, options)`,
// `app.admission.stats()`.

require('./debug/debug.js');
const { argumentError } = require('./base/errors.js');
const { lazy } = require('./base/lazy.js');
const { bodyTypes, contentParser } = require('./request/content-parser.js');
const { checkApplication, checkRegistered, checkVersion } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

const admissions = lazy(() => require('./admission/admission.js'));

/** The options of a plugin, without those of register() itself, which Fastify passes on. */
function ownOptions({ prefix: _p, logLevel: _l, logSerializers: _s, ...own }) {
  return own;
}

function mountOf(options) {
  if (options instanceof Mount) return options;
  const { body: _body, ...own } = ownOptions(options);
  return Mount.of(own, 'fastify');
}

async function register(app, options) {
  checkApplication(app);
  const types = bodyTypes(options.body);
  const mount = mountOf(options);
  const { property } = mount;
  if (app.hasRequestDecorator(property)) throw mount.takenError();
  app.decorateRequest(property, undefined);
  app.decorate('arenas', mount.addMethods({}));
  if (types.length > 0) app.addContentTypeParser(types, contentParser(mount));
  // Checks the options of routes early. For routes that were added before the plugin was loaded (by
  // ready()), the first request does.
  app.addHook('onRoute', ({ config }) => {
    if (config?.ralloc !== undefined) mount.routeOf(config.ralloc);
  });
  app.addHook('onRequest', (request, reply, done) => {
    const skipped = mount.skipped(request);
    if (skipped !== undefined) return skipped === SKIPPED ? done() : done(skipped);
    const arena = mount.arenaFor(undefined, request.raw, reply.raw);
    const options = request.routeOptions.config?.ralloc; // 30 ns
    const fault =
      mount.give(request, arena) ??
      (options === undefined ? undefined : mount.faultOfRoute(options, arena));
    return fault === undefined ? mount.run(arena, done) : done(fault);
  });
  if (options instanceof Mount) return; // its creator closes it
  app.addHook('onClose', (_app, done) => {
    app.arenas.close(); // requests in flight still give their memory back
    done();
  });
}

/**
 * Creates a plugin that calls `register`. Called by Fastify, it reports errors by rejecting; called
 * by other code, which may not look at a promise, it throws. As with fastify-plugin, its additions
 * are visible to the instance that registers it, and to all below.
 */
function pluginOf(name, register) {
  function plugin(app, ...args) {
    checkRegistered(app, args);
    const [options = {}] = args;
    return register(app, options);
  }
  plugin[Symbol.for('skip-override')] = true;
  plugin[Symbol.for('fastify.display-name')] = name;
  plugin[Symbol.for('plugin-meta')] = { name };
  return plugin;
}

async function registerAdmission(app, options) {
  checkVersion(app);
  if (app.hasDecorator('admission'))
    throw argumentError(TypeError, 'The name "admission" of the application is taken');
  const own = new (admissions().Admission)(ownOptions(options));
  app.decorate('admission', own.addMethods({}));
  app.addHook('onRequest', (request, reply, done) => {
    own.decide(request.raw, reply.raw, done, done, () => reply.hijack());
  });
}

const requestArena = pluginOf('ralloc', register);

module.exports = requestArena;
module.exports.requestArena = requestArena;
module.exports.admission = pluginOf('ralloc-admission', registerAdmission);
