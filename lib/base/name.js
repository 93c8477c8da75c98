'use strict';

/** For people: `the slab 'frames'`, and `a slab` where it has no name. */
function named(kind, name) {
  if (name !== '') return `the ${kind} '${name}'`;
  return `${kind === 'arena' ? 'an' : 'a'} ${kind}`;
}

const MOST_OF_PATH = 200; // characters

/** For people: `GET /path`. Without the query, which may hold secrets, and the host, which the URL of a web Request has. */
function requestName({ method, url, originalUrl = url }) {
  const [whole] = String(originalUrl).split('?', 1);
  const path = whole.replace(/^\w+:\/\/[^/]*/, '').slice(0, MOST_OF_PATH);
  return `${method} ${path}`;
}

/** For people: `the response to GET /path`, and of a client's `the request GET /path`. */
function messageName({ req, method, path }) {
  if (req === undefined) return `the request ${requestName({ method, url: path })}`;
  return `the response to ${requestName(req)}`;
}

module.exports = { messageName, named, requestName };
