'use strict';

// The plugin of Fastify 5: `app.register(require('ralloc/fastify'), options)`, `request.arena`, `app.arenas.stats()`.

const { argumentError, frameworkError, mountedError } = require('./base/errors.js');
const { kMounted } = require('./base/protocol.js');
const { Mount } = require('./request/mount.js');

/** The options without those of register() itself, which Fastify passes on. */
function ownOptions(options) {
  if (options instanceof Mount) return options;
  const { prefix: _prefix, logLevel: _level, logSerializers: _serializers, ...own } = options;
  return own;
}

async function requestArena(app, options) {
  if (Number.parseInt(app?.version, 10) !== 5) {
    throw frameworkError('fastify', 'Fastify 5', app, app?.version);
  }
  if (app.arenas?.[kMounted] === true) throw mountedError('app.arenas');
  if (app.hasDecorator('arenas')) {
    throw argumentError(TypeError, 'The name "arenas" of the application is taken');
  }
  const mount = Mount.of(ownOptions(options), 'fastify');
  const { property } = mount;
  if (app.hasRequestDecorator(property)) throw mount.takenError();

  app.decorateRequest(property, null);
  app.decorate('arenas', mount.face({}));
  app.addHook('onRequest', (request, reply, done) => {
    const arena = mount.arenaFor(undefined, request.raw, reply.raw);
    request[property] = arena;
    mount.run(arena, done);
  });
  if (options instanceof Mount) return; // who made it closes it
  app.addHook('onClose', (_app, done) => {
    app.arenas.close(); // what is in flight still gives its memory back
    done();
  });
}

// As fastify-plugin does: what the plugin adds is for the instance that registers it, and for all below it.
requestArena[Symbol.for('skip-override')] = true;
requestArena[Symbol.for('fastify.display-name')] = 'ralloc';
requestArena[Symbol.for('plugin-meta')] = { name: 'ralloc' };

module.exports = requestArena;
module.exports.requestArena = requestArena;
