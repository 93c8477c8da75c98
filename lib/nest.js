'use strict';

// NestJS 11 on Express and on Fastify: `imports: [requestArena(options)]` in the root module,
// `@Arena()` at a parameter of a controller. Modules and decorators are metadata to Nest, so
// nothing of it is required here.

const check = require('./base/validate.js');
const { RallocError, argumentError, frameworkError } = require('./base/errors.js');
const { kOfRequest } = require('./base/protocol.js');
const express = require('./express.js');
const fastify = require('./fastify.js');
const { Mount } = require('./request/mount.js');
const { Route, requireArena } = require('./request/route.js');

/** Injects what requestArena() returned: `@Inject(ARENAS) arenas`. */
const ARENAS = Symbol('ralloc.arenas');

/** Properties whose module leaves some requests out (`skip`). */
const skipping = new Set();

/** Creates a dynamic module that gives every request of the application an arena. */
function requestArena(options) {
  if (new.target !== undefined) {
    throw argumentError(
      TypeError,
      'requestArena() makes a module, and was used as one. Call it: imports: [requestArena()]',
    );
  }
  let mount;
  let methods;
  let applications = 0;
  const open = () => {
    mount = new Mount(options, 'nest');
    methods = mount.addMethods({});
    if (mount.maySkip) skipping.add(mount.property);
  };
  open();
  const arenas = {
    ...methods,
    stats: () => methods.stats(),
    current: () => methods.current(),
    close: (closing) => methods.close(closing),
  };

  class ArenaModule {
    async configure(consumer) {
      const adapter = consumer.getHttpAdapter?.();
      // normalizePath() came with Nest 11.
      if (typeof adapter?.normalizePath !== 'function') {
        throw frameworkError('nest', 'NestJS 11', adapter);
      }
      if (mount.isClosed && applications === 0) open(); // tests create several applications from the same module
      applications++;
      const app = adapter.getInstance();
      if (adapter.getType() === 'fastify') await fastify(app, mount);
      else app.use(express.requestArena(mount));
    }

    onApplicationShutdown() {
      if (--applications === 0) methods.close();
    }
  }

  const providers = [{ provide: ARENAS, useValue: arenas }];
  return { ...arenas, module: ArenaModule, global: true, providers, exports: [ARENAS] };
}

const FORGOTTEN = 'Import requestArena() of ralloc/nest in the root module';

/** The value at `property` of a controller's request. */
const atProperty = (property, context) => context.switchToHttp().getRequest()?.[property];

/** What decorators know of the module, which may be created after them. */
const placeOf = (property) => ({
  property,
  get maySkip() {
    return skipping.has(property);
  },
});

const isArena = (value) => value?.[kOfRequest] === true;

/**
 * Names the property at which the request's arena is, if a decorator looked at another one;
 * `decorator(name)` is the text to write.
 */
function remedyOf(request, decorator) {
  const own = Object.getOwnPropertyDescriptors(request ?? {});
  const name = Object.keys(own).find((key) => isArena(own[key].value));
  if (name === undefined) return FORGOTTEN;
  return `It is "${name}" by the option "property" of requestArena(): ${decorator(name)}`;
}

/** The request's arena; undefined if the request was left out. */
function arenaOf(property, context, decorator = (name) => `@Arena('${name}')`) {
  if (context.getType() !== 'http') {
    const message = `Messages of type "${context.getType()}" have no "${property}". Make an Arena for the connection`;
    throw new RallocError('ERR_RALLOC_UNSUPPORTED', message);
  }
  const value = atProperty(property, context);
  if (isArena(value)) return value;
  const remedy = remedyOf(context.switchToHttp().getRequest(), decorator);
  return requireArena(value, placeOf(property), remedy);
}

const decoratorError = (text) => argumentError(TypeError, `The decorator Arena ${text}`);

/**
 * Decorates a parameter of a controller's method with the request's arena, as a result of
 * @nestjs/common's createParamDecorator() would.
 */
function Arena(property = 'arena', ...rest) {
  if (rest.length > 0) throw decoratorError('was used without a call. Write @Arena()');
  check.string(property, 'property');
  return (target, key, index) => {
    if (key === undefined || typeof index !== 'number') {
      throw decoratorError("is for a parameter of a controller's method");
    }
    const args = Reflect.getMetadata('__routeArguments__', target.constructor, key);
    const name = `ralloc__customRouteArgs__:${index}`;
    const more = { ...args, [name]: { index, factory: arenaOf, data: property, pipes: [] } };
    Reflect.defineMetadata('__routeArguments__', more, target.constructor, key);
  };
}

/**
 * Sets options for a controller or one of its methods, by a guard like that of @nestjs/common's
 * UseGuards().
 */
function ArenaRoute(options, property = 'arena') {
  check.string(property, 'property');
  const route = new Route(options, placeOf(property));
  const decorator = (name) => `@ArenaRoute(options, '${name}')`;
  const canActivate = (context) => {
    const arena = arenaOf(property, context, decorator);
    if (arena !== undefined) route.use(arena);
    return true;
  };
  return (target, _key, descriptor) => {
    const guarded = descriptor?.value ?? target;
    const others = Reflect.getMetadata('__guards__', guarded) ?? [];
    Reflect.defineMetadata('__guards__', [...others, { canActivate }], guarded);
  };
}

module.exports = { requestArena, Arena, ArenaRoute, ARENAS };
