'use strict';

// A registry of npm packages on loopback, for what npm asks of one: a package's versions, a tarball, to publish.

const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const { json } = require('node:stream/consumers');

class Registry {
  #packages = new Map(); // name → versions
  #tags = new Map(); // name → { tag: version }
  #tarballs = new Map(); // path → bytes
  #server = http.createServer((req, res) =>
    this.#answer(req, res).catch((error) => {
      res.writeHead(500).end(error.stack);
    }),
  );

  /** Names as they were published, and paths of the tarballs that were fetched, in order. */
  published = [];
  fetched = [];
  url;
  /** The name of a package that may not be published. */
  refuses;
  /** Changes a tarball on its way; by null it is never sent. */
  sent = (bytes) => bytes;

  async listen() {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    return this;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  add(manifest, bytes, tag = 'latest') {
    const { name, version } = manifest;
    // As npm's does: what is published first is the latest, whatever it is called.
    this.#tags.set(name, { latest: version, ...this.#tags.get(name), [tag]: version });
    const path = `/${name}/-/${version}.tgz`;
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    this.#tarballs.set(path, bytes);
    const versions = this.#packages.get(name) ?? {};
    versions[version] = { ...manifest, dist: { integrity, tarball: new URL(path, this.url).href } };
    this.#packages.set(name, versions);
  }

  async #answer(req, res) {
    const path = decodeURIComponent(new URL(req.url, this.url).pathname);
    if (req.method === 'PUT') return this.#publish(await json(req), res);
    const bytes = this.#tarballs.get(path);
    if (bytes !== undefined) {
      this.fetched.push(path);
      return this.sent === null || res.end(this.sent(bytes));
    }
    const name = path.slice(1);
    const versions = this.#packages.get(name);
    if (versions === undefined) return res.writeHead(404).end('{"error":"not found"}');
    return res
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify({ name, 'dist-tags': this.#tags.get(name), versions }));
  }

  #publish({ versions, 'dist-tags': tags, _attachments: attachments }, res) {
    const [manifest] = Object.values(versions);
    const [{ data }] = Object.values(attachments);
    if (manifest.name === this.refuses) return res.writeHead(403).end('{"error":"forbidden"}');
    this.published.push(`${manifest.name} ${Object.keys(tags)}`);
    this.add(manifest, Buffer.from(data, 'base64'), Object.keys(tags)[0]);
    return res.writeHead(201).end('{}');
  }
}

module.exports = { Registry };
