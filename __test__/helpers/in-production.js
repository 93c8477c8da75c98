'use strict';

/** Returns the result of make(), whose mounts leave small bodies on the heap, as they do where NODE_ENV is not `test`. */
async function inProduction(make) {
  const { NODE_ENV } = process.env;
  process.env.NODE_ENV = 'production';
  try {
    return await make();
  } finally {
    process.env.NODE_ENV = NODE_ENV;
  }
}

module.exports = { inProduction };
