'use strict';

// NestJS 11 on Express and on Fastify: `imports: [requestArena(options)]` in the root module, `@Arena()` at a parameter of a
// controller. Modules and decorators are metadata to Nest, so nothing of it is required here.

const check = require('./base/validate.js');
const { RallocError, frameworkError } = require('./base/errors.js');
const express = require('./express.js');
const fastify = require('./fastify.js');
const { Mount } = require('./request/mount.js');

/** Injects what requestArena() returned: `@Inject(ARENAS) arenas`. */
const ARENAS = Symbol('ralloc.arenas');

/** Makes a dynamic module that gives every request of the application an arena. */
function requestArena(options) {
  let mount;
  let face;
  let applications = 0;
  const open = () => {
    mount = new Mount(options, 'nest');
    face = mount.face({});
  };
  open();
  const arenas = {
    ...face,
    stats: () => face.stats(),
    current: () => face.current(),
    close: (closing) => face.close(closing),
  };

  class ArenaModule {
    async configure(consumer) {
      const adapter = consumer.getHttpAdapter?.();
      // normalizePath() came with Nest 11.
      if (typeof adapter?.normalizePath !== 'function') {
        throw frameworkError('nest', 'NestJS 11', adapter);
      }
      if (mount.isClosed && applications === 0) open(); // tests make one application after another of the same module
      applications++;
      const app = adapter.getInstance();
      if (adapter.getType() === 'fastify') await fastify(app, mount);
      else app.use(express.requestArena(mount));
    }

    onApplicationShutdown() {
      if (--applications === 0) face.close();
    }
  }

  const providers = [{ provide: ARENAS, useValue: arenas }];
  return { ...arenas, module: ArenaModule, global: true, providers, exports: [ARENAS] };
}

function arenaOf(property, context) {
  const arena = context.switchToHttp().getRequest()?.[property];
  if (arena !== undefined && arena !== null) return arena;
  const message = `The request has no "${property}". Import requestArena() of ralloc/nest in the root module`;
  throw new RallocError('ERR_RALLOC_UNSUPPORTED', message);
}

/** A parameter of a controller's method: the request's arena. What createParamDecorator() of @nestjs/common would make. */
function Arena(property = 'arena') {
  check.string(property, 'property');
  return (target, key, index) => {
    const args = Reflect.getMetadata('__routeArguments__', target.constructor, key);
    const name = `ralloc__customRouteArgs__:${index}`;
    const more = { ...args, [name]: { index, factory: arenaOf, data: property, pipes: [] } };
    Reflect.defineMetadata('__routeArguments__', more, target.constructor, key);
  };
}

module.exports = { requestArena, Arena, ARENAS };
