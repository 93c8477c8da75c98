import fastify from 'fastify';
import { Hono, type MiddlewareHandler } from 'hono';
import Koa, { type Middleware } from 'koa';
import { expectAssignable, expectError, expectType } from 'tsd';

import { Budget } from '../../index';

import ofFastify = require('../../types/fastify');

import * as ofExpress from '../../types/express';
import * as ofHono from '../../types/hono';
import * as ofKoa from '../../types/koa';
import * as ofNest from '../../types/nest';

// The options of a route, and who is left out, in each framework's own terms.

const app = fastify();
app.register(ofFastify, { skip: (request) => request.routeOptions.url === '/health' });
expectError(app.post('/', { config: { ralloc: { wipe: 'yes' } } }, async () => ''));
app.register(ofFastify, { body: ['image/png', /^video\//], maxBytesPerRequest: 1 << 20 });
app.register(ofFastify, { name: 'api' });
expectError(app.register(ofFastify, { name: 5 }));
expectAssignable<ofFastify.RouteArenaOptions>({ safety: 'gc' });

const admitted: ofFastify.AdmissionOptions = { budget: new Budget({ maxBytes: 1 }) };
app.register(ofFastify.admission, admitted);
expectError(app.register(ofFastify.admission, {}));
expectType<number>(app.admission.stats().open);

const ofContexts = ofKoa.requestArena({ name: 'api', skip: (ctx) => ctx.path === '/health' });
expectType<Middleware>(ofContexts.route({ wipe: true }));
expectError(ofContexts.route({ wipe: 'yes' }));
new Koa().use(ofKoa.admission(admitted)).use(ofContexts).use(ofContexts.route());

const arenas = ofHono.requestArena({ name: 'api', skip: (c) => c.req.path === '/health' });
expectType<MiddlewareHandler>(arenas.route({ safety: 'recycle' }));
new Hono()
  .use(ofHono.admission(admitted))
  .use(arenas)
  .post('/', arenas.route({ wipe: true }), (c) => c.text(''));

@ofNest.ArenaRoute({ wipe: true })
class Controller {
  @ofNest.ArenaRoute({ maxBytesPerRequest: 1 << 20 }, 'memory')
  upload() {}
}
expectAssignable<object>(new Controller());
expectError(ofNest.ArenaRoute({ maxBytes: 1 }));

const raw = ofExpress.rawBody({ type: ['json', 'image/*'], limit: '1mb', drainMs: 10 });
expectType<ofExpress.RouteMiddleware>(raw);
ofExpress.rawBody({
  type: (req) => req.headers['content-type'] === undefined,
  verify: (_req, _res, body, encoding) => {
    expectType<null>(encoding);
    expectType<number>(body.length);
  },
});
expectError(ofExpress.rawBody({ limit: true }));
expectError(ofExpress.rawBody({ defaultCharset: 'utf-8' }));
