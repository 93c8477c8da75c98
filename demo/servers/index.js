'use strict';

// What the demo's handlers can be served by. The first is the default.

const SERVERS = {
  express: { title: 'Express 5', packages: ['express'] },
  http: { title: 'node:http', packages: [] },
  fastify: { title: 'Fastify 5', packages: ['fastify'] },
  koa: { title: 'Koa 3', packages: ['koa'] },
  hono: { title: 'Hono 4', packages: ['hono', '@hono/node-server'] },
};

const titleOf = (name) => SERVERS[name].title;

/** The packages of a server that are not installed. */
function missing(name) {
  return SERVERS[name].packages.filter((one) => {
    try {
      require.resolve(one);
      return false;
    } catch {
      return true;
    }
  });
}

/**
 * `{ server, stats }`: a server that does not listen yet, and what ralloc counts on it, undefined for the others. Each of the
 * files here is written as a user of its framework writes: its adapter of ralloc, or a middleware that gives
 * what `lease(res)` gives, and a route for each handler, `/NAME/ID` and `/NAME/ID/whole`.
 * @param {null | ((res: import('node:http').ServerResponse) => object)} lease null for ralloc
 * @param {Record<string, Function>} handlers see ../handler.js
 */
async function create(name, lease, handlers) {
  return require(`./${name}.js`)(lease, handlers);
}

module.exports = { NAMES: Object.keys(SERVERS), titleOf, missing, create };
