'use strict';

// The plugin of Fastify 5: `app.register(require('ralloc/fastify'), options)`, `request.arena`,
// `app.arenas.stats()`.

require('./debug/debug.js');
const { lazy } = require('./base/lazy.js');
const { bodyTypes, contentParser } = require('./request/content-parser.js');
const { checkApplication, checkRegistered } = require('./request/messages.js');
const { Mount, SKIPPED } = require('./request/mount.js');

const admissions = lazy(() => require('./admission/fastify.js'));

/** The options of the arenas, without those of register() itself, which Fastify passes on. */
function ownOptions(options) {
  if (options instanceof Mount) return options;
  const { body: _body, prefix: _p, logLevel: _l, logSerializers: _s, ...own } = options;
  return own;
}

async function register(app, options) {
  checkApplication(app);
  const types = bodyTypes(options.body);
  const mount = Mount.of(ownOptions(options), 'fastify');
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

const requestArena = pluginOf('ralloc', register);

module.exports = requestArena;
module.exports.requestArena = requestArena;
module.exports.admission = pluginOf('ralloc-admission', (app, options) =>
  admissions().admission(app, options),
);
