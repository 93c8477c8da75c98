// Verdaccio under load for as long as one likes, as `node --require ralloc/auto` starts it, on
// Linux. Clients publish tarballs of 1 to 5 MB, and download, range, ask by HEAD, unpublish; some
// give up, some are slow; some packages come from another registry, whose answers Verdaccio passes
// on and keeps at once. Every tarball has its own package's name in every 512 bytes. The hash of
// each answer is compared, and that of each tarball that is stored, before it is unpublished or at
// the end.
//
//   node bench/apps/soak-verdaccio.js --minutes 60 --cores 0.25
//
// `--cores`: what the client and the server may use, on average. `--node`: the server's Node.
// `--plain`: without ralloc. `--seed`: of another load. Prints progress, then one line of JSON.
// Exit code 1: something is wrong, or RSS is not flat: the median of the last quarter is above 1.05
// of the second's.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');
const { gunzipSync } = require('node:zlib');
const { newFolder, removeFolder } = require('../../__test__/helpers/folder.js');
const { freePort } = require('../../__test__/helpers/free-port.js');
const { patient } = require('../../__test__/helpers/patient.js');
const { random } = require('../../__test__/helpers/random.js');
const { quantile } = require('../../tools/compare/statistics.js');
const { install } = require('./packages.js');

const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const VERDACCIO = path.join(__dirname, 'node_modules', 'verdaccio', 'bin', 'verdaccio');
const HOST = '127.0.0.1';
const MB = 1e6;
const CLIENTS = 6;
const MOST_STORED = 60;
const SAMPLE_MS = 3000;
const TELL_MS = 60_000;
const TICK_US = 10_000; // of the CPU times in /proc
const FLAT = 1.05;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    cores: { type: 'string', default: '1' },
    node: { type: 'string', default: process.execPath },
    plain: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
});
const [minutes, cores, seed] = [options.minutes, options.cores, options.seed].map(Number);

const next = random(seed);
const chance = (percent) => next(100) < percent;
const hashOf = (bytes, encoding = 'hex') => createHash('sha512').update(bytes).digest(encoding);

const storage = newFolder();
const counts = {};
const wrong = [];
const stored = new Map(); // name → package
const count = (what) => {
  counts[what] = (counts[what] ?? 0) + 1;
};

/** A tarball that says in every 512 bytes whose it is, and where. */
function tarballOf({ name, size }) {
  const bytes = Buffer.alloc(size, `of ${name}. `);
  for (let at = 0; at < size; at += 512) bytes.write(`${name} at ${at};`, at, 'latin1');
  return bytes;
}

/** A package that was not there before, of this registry or of the one behind it. */
function newPackage(kind) {
  count(kind);
  const name = `${kind}-${counts[kind]}`;
  const size = MB + next(4 * MB);
  const file = `${name}-1.0.0.tgz`;
  return { kind, name, size, file, users: 0, path: `/${name}/-/${file}` };
}

function manifestOf({ name, path: where }, tarball, base) {
  const integrity = `sha512-${hashOf(tarball, 'base64')}`;
  const shasum = createHash('sha1').update(tarball).digest('hex');
  const dist = { integrity, shasum, tarball: `${base}${where}` };
  const description = `about ${name}, `.repeat(300); // so that answers are compressed
  const versions = { '1.0.0': { name, version: '1.0.0', description, dist } };
  return { _id: name, name, 'dist-tags': { latest: '1.0.0' }, versions };
}

/** Something that was asked about `one` has other bytes, or another answer, than is due. */
const tell = (one, what, about) => wrong.push({ name: one.name, size: one.size, what, about });

const agent = new http.Agent({ keepAlive: true });

/** Resolves to the response, or to undefined where the server has closed the connection. */
function ask(port, method, where, { headers = {}, body } = {}) {
  const request = http.request({ host: HOST, port, agent, method, path: where, headers });
  request.end(body);
  return new Promise((resolve) => {
    request.on('response', resolve);
    request.on('error', () => resolve(undefined)).on('close', () => resolve(undefined));
  });
}

/** Whether by an error or not, which events.once() would throw. */
const closed = (stream) => new Promise((resolve) => stream.once('close', resolve));

/** The body of a response; undefined where it does not come to its end. */
async function bodyOf(response) {
  try {
    return response && Buffer.concat(await response.toArray());
  } catch {
    return undefined;
  }
}

/** The registry behind Verdaccio, in this process. */
async function startBehind(packages) {
  const server = http.createServer(async (req, res) => {
    const [, name, isTarball] = req.url.split('/');
    const one = packages.get(name);
    if (one === undefined) return res.writeHead(404).end('{}');
    const tarball = tarballOf(one);
    if (isTarball === undefined) {
      res.setHeader('content-type', 'application/json');
      return res.end(JSON.stringify(manifestOf(one, tarball, `http://${req.headers.host}`)));
    }
    res.setHeader('content-length', tarball.length);
    for (let at = 0; at < tarball.length && !res.destroyed; at += 500_000) {
      if (!res.write(tarball.subarray(at, at + 500_000)))
        await new Promise((resolve) => res.once('drain', resolve).once('close', resolve));
    }
    return res.end();
  });
  await once(patient(server).listen(0, HOST), 'listening');
  return server;
}

/** Verdaccio, as its users start it. */
class Registry {
  #process;
  printed = '';
  rss = [];

  async start(behind) {
    const everybody = { access: '$all', publish: '$all', unpublish: '$all' };
    const config = path.join(storage, 'config.yaml'); // which JSON is, too
    const settings = {
      storage,
      auth: { htpasswd: { file: path.join(storage, 'htpasswd') } },
      uplinks: { behind: { url: `http://${HOST}:${behind}` } },
      packages: { 'passed-*': { ...everybody, proxy: 'behind' }, '**': everybody },
      log: { type: 'stdout', format: 'json', level: 'fatal' },
      server: { keepAliveTimeout: 60 }, // as in Verdaccio's own configuration
      web: { enable: false },
    };
    fs.writeFileSync(config, JSON.stringify(settings));
    this.port = await freePort();
    const preload = options.plain ? [] : ['--require', PRELOAD];
    const args = [...preload, VERDACCIO, '--config', config, '--listen', `${HOST}:${this.port}`];
    const env = { ...process.env, RALLOC_AUTO: 'report' };
    this.#process = spawn(options.node, args, { env });
    for (const stream of [this.#process.stdout, this.#process.stderr])
      stream.on('data', (text) => {
        this.printed += text;
      });
    this.ended = once(this.#process, 'exit');
    while ((await bodyOf(await ask(this.port, 'GET', '/-/ping'))) === undefined) {
      if (this.#process.exitCode !== null) throw new Error(`Verdaccio ended: ${this.printed}`);
      await sleep(100);
    }
  }

  get #isAlive() {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  #read(file) {
    return fs.readFileSync(`/proc/${this.#process.pid}/${file}`, 'latin1');
  }

  /** Notes how much it has in memory. Throws if it has ended. */
  sample() {
    if (!this.#isAlive) throw new Error(`Verdaccio ended: ${this.printed}`);
    this.rss.push(1024 * Number(/^VmRSS:\s+(\d+)/m.exec(this.#read('status'))[1]));
  }

  /** Microseconds of CPU since its start. */
  get cpu() {
    if (!this.#isAlive) return 0;
    const stat = this.#read('stat');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_US;
  }

  async stop() {
    this.#process.kill('SIGTERM');
    return (await this.ended)[1] ?? this.#process.exitCode;
  }

  kill() {
    this.#process?.kill('SIGKILL');
  }
}

/** Median RSS of each quarter, in MB. */
function quarters(samples) {
  const size = Math.floor(samples.length / 4);
  return [0, 1, 2, 3].map((n) =>
    Number((quantile(samples.slice(n * size, (n + 1) * size), 0.5) / MB).toFixed(1)),
  );
}

/**
 * Compares what lies in Verdaccio's folder. A tarball of another registry that nobody had read to
 * its end may be missing.
 */
function checkStored(one) {
  const file = path.join(storage, one.name, one.file);
  if (one.kind === 'passed' && !fs.existsSync(file)) return;
  count('tarballs compared');
  if (hashOf(fs.readFileSync(file)) !== one.hash) tell(one, 'stored');
}

class Client {
  #port;
  #behind;

  constructor(port, behind) {
    this.#port = port;
    this.#behind = behind;
  }

  async publish() {
    const one = newPackage('own');
    const tarball = tarballOf(one);
    const manifest = manifestOf(one, tarball, 'http://localhost');
    const attachment = { content_type: 'application/octet-stream', length: tarball.length };
    manifest._attachments = { [one.file]: { ...attachment, data: tarball.toString('base64') } };
    const body = Buffer.from(JSON.stringify(manifest));
    one.hash = hashOf(tarball);
    if (chance(10)) return this.#publishPart(one, body);
    const headers = { 'content-type': 'application/json' };
    if (chance(80)) headers['content-length'] = body.length;
    const response = await ask(this.#port, 'PUT', `/${one.name}`, { headers, body });
    const answer = await bodyOf(response);
    if (response?.statusCode !== 201) return tell(one, 'publish', `${answer}`);
    stored.set(one.name, one);
  }

  /** Goes before the whole is sent: nothing may be published. */
  async #publishPart(one, body) {
    count('publishes given up');
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const where = { host: HOST, port: this.#port, agent: false, headers };
    const request = http.request({ ...where, method: 'PUT', path: `/${one.name}` });
    request.on('error', () => {});
    request.write(body.subarray(0, next(body.length)), () => request.destroy());
    await closed(request);
    const response = await ask(this.#port, 'GET', one.path);
    await bodyOf(response);
    if (response?.statusCode !== 404) tell(one, 'published in part', response?.statusCode);
  }

  /** The first to ask for a package of the registry behind; others may ask for it meanwhile. */
  async pass() {
    const one = newPackage('passed');
    one.hash = hashOf(tarballOf(one));
    this.#behind.set(one.name, one);
    await bodyOf(await ask(this.#port, 'GET', `/${one.name}`));
    stored.set(one.name, one);
    return this.#using(one, () => this.#download(one));
  }

  async #using(one, work) {
    one.users += 1;
    try {
      await work();
    } finally {
      one.users -= 1;
    }
  }

  async #manifest(one) {
    count('manifests');
    const headers = { 'accept-encoding': 'gzip' };
    const response = await ask(this.#port, 'GET', `/${one.name}`, { headers });
    const body = await bodyOf(response);
    const isZipped = response?.headers['content-encoding'] === 'gzip';
    const { versions } = JSON.parse(isZipped ? gunzipSync(body) : body);
    const due = `sha512-${Buffer.from(one.hash, 'hex').toString('base64')}`;
    const { description, dist } = versions['1.0.0'];
    if (dist.integrity !== due || !description.startsWith(`about ${one.name},`))
      tell(one, 'manifest');
  }

  async #head(one) {
    count('heads');
    const response = await ask(this.#port, 'HEAD', one.path);
    const body = await bodyOf(response);
    const length = Number(response?.headers['content-length'] ?? one.size);
    const { statusCode } = response ?? {};
    if (statusCode !== 200 || body?.length !== 0 || length !== one.size)
      tell(one, 'HEAD', { statusCode, length });
  }

  /** Reads all, or a part of it: at leisure, in a range, or until it gives up. */
  async #download(one) {
    const isSlow = chance(15);
    const start = next(one.size);
    const [from, to] = chance(15) ? [start, start + next(one.size - start)] : [0, one.size - 1];
    const isRange = to - from + 1 < one.size;
    const most = chance(20) ? next(one.size) : Number.POSITIVE_INFINITY;
    const headers = isRange ? { range: `bytes=${from}-${to}` } : {};
    const response = await ask(this.#port, 'GET', one.path, { headers });
    if (![200, 206].includes(response?.statusCode))
      return tell(one, 'download', response?.statusCode);
    const tarball = tarballOf(one);
    const due = response.statusCode === 206 ? tarball.subarray(from, to + 1) : tarball;
    const hash = createHash('sha512');
    let at = 0;
    try {
      for await (const chunk of response) {
        hash.update(chunk);
        at += chunk.length;
        if (at > most) break; // which destroys it
        if (isSlow) await sleep(20);
      }
    } catch (error) {
      tell(one, 'download is cut', error.code);
    }
    const isGivenUp = at > most;
    count(isGivenUp ? 'downloads given up' : isSlow ? 'slow downloads' : 'whole downloads');
    if (isRange) count('ranges');
    if (hash.digest('hex') !== hashOf(due.subarray(0, at))) tell(one, 'bytes', { at });
    if (!isGivenUp && at !== due.length) tell(one, 'length', { at, due: due.length });
  }

  async unpublish(one) {
    stored.delete(one.name);
    checkStored(one);
    this.#behind.delete(one.name);
    count('unpublishes');
    const response = await ask(this.#port, 'DELETE', `/${one.name}/-rev/1`);
    await bodyOf(response);
    if (response?.statusCode !== 201 && one.kind === 'own')
      tell(one, 'unpublish', response?.statusCode);
  }

  async #read(one) {
    const act = [this.#head, this.#manifest][next(10)] ?? this.#download;
    await act.call(this, one);
  }

  async act() {
    if (stored.size > MOST_STORED) {
      const one = [...stored.values()].find(({ users }) => users === 0);
      if (one !== undefined) return this.unpublish(one);
    }
    const what = next(100);
    if (what < 15 || stored.size === 0) return this.publish();
    if (what < 25) return this.pass();
    const one = [...stored.values()][next(stored.size)];
    return this.#using(one, () => this.#read(one));
  }
}

async function main() {
  await install();
  const packages = new Map();
  const behind = await startBehind(packages);
  const registry = new Registry();
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
  process.on('exit', () => {
    registry.kill();
    removeFolder(storage);
  });
  await registry.start(behind.address().port);
  const begin = Date.now();
  const end = begin + minutes * 60_000;
  const spent = () => {
    const { user, system } = process.cpuUsage();
    return user + system + registry.cpu;
  };
  const before = spent();
  const tellProgress = () => {
    const used = ((spent() - before) / 1000 / (Date.now() - begin)).toFixed(2);
    const rss = (registry.rss.at(-1) / MB).toFixed(0);
    const at = Math.round((Date.now() - begin) / 60_000);
    console.error(
      `${at} min: ${counts.requests} requests, ${used} cores, RSS ${rss} MB, ${wrong.length} wrong`,
    );
  };
  const timers = [
    setInterval(() => registry.sample(), SAMPLE_MS),
    setInterval(tellProgress, TELL_MS),
  ];

  /** Waits until what was used is no more than its share. */
  async function rest() {
    for (;;) {
      const ahead = (spent() - before) / 1000 / cores - (Date.now() - begin);
      if (ahead <= 0 || Date.now() > end) return;
      await sleep(Math.min(ahead, 1000));
    }
  }

  async function live() {
    const client = new Client(registry.port, packages);
    while (Date.now() < end) {
      await rest();
      count('requests');
      await client.act();
    }
  }

  await Promise.all(Array.from({ length: CLIENTS }, live));
  for (const timer of timers) clearInterval(timer);
  for (const one of stored.values()) checkStored(one);
  const ended = await registry.stop();
  const rssMB = quarters(registry.rss);
  const isFlat = rssMB[3] <= FLAT * rssMB[1];
  const { rss, printed } = registry;
  const about = { node: options.node, plain: options.plain, minutes, samples: rss.length };
  console.log(JSON.stringify({ ...about, counts, rssMB, isFlat, ended, wrong, printed }));
  process.exit(wrong.length > 0 || !isFlat ? 1 : 0);
}

main();
