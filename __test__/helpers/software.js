'use strict';

// The programs of fixtures/tools/recorder/software/, which use packages as people do: with the profiler and without.

const { spawn } = require('node:child_process');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const http = require('node:http');
const { join } = require('node:path');
const { fixturePath } = require('./child.js');
const { bin } = require('./profile.js');

/** What ralloc adds to standard error, and nothing else. */
const TOLD = /^ralloc: Recorded .+ threads? in .+\n/m;

/** Runs a program; `profile`: the file to record it into. `use(what it tells first)` is called while it runs, and gives `used`. */
async function runSoftware(name, args, { profile, use, options = [] } = {}) {
  const program = [process.execPath, fixturePath(join('tools/recorder/software', name)), ...args];
  const launcher = [process.execPath, bin, 'profile', '-o', profile, ...options, '--'];
  const [command, ...rest] = profile === undefined ? program : [...launcher, ...program];
  // Their packages' coverage nobody counts, and it takes as long again.
  const env = { ...process.env, NODE_V8_COVERAGE: '' };
  const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  const out = { stdout: '', stderr: '' };
  let used;
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => {
      out[name] += text;
      if (name === 'stdout' && out.stdout.includes('\n')) used ??= use?.(out.stdout);
    });
  }
  const [code, signal] = await closed;
  const stderr = profile === undefined ? out.stderr : out.stderr.replace(TOLD, '');
  return { code, signal, stdout: out.stdout, stderr, used: await used };
}

const BOUNDARY = 'boundary of these tests';
const part = (name, more = '') =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n`;

/** A form with a photograph of `size` bytes, which are the same each time. */
const formOf = (id, size) =>
  Buffer.concat([
    Buffer.from(`${part('album')}\r\nsummer\r\n`),
    Buffer.from(`${part('photo', `; filename="${id}.jpg"`)}Content-Type: image/jpeg\r\n\r\n`),
    Buffer.alloc(size, `photograph ${id}, `),
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);

async function post(agent, port, path, form) {
  const headers = {
    'Content-Type': `multipart/form-data; boundary="${BOUNDARY}"`,
    'Content-Length': form.length,
  };
  const request = http.request({ agent, port, host: '127.0.0.1', method: 'POST', path, headers });
  request.end(form);
  const [response] = await once(request, 'response');
  const chunks = await response.toArray();
  return { status: response.statusCode, body: Buffer.concat(chunks) };
}

/** Sends `count` photographs of 1 kB to 600 kB, some at a time; resolves with a hash of all answers, by their order. */
async function sendPhotos(port, count, { atOnce = 4 } = {}) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: atOnce });
  const answers = [];
  let next = 0;
  const sender = async () => {
    while (next < count) {
      const id = next++;
      const form = formOf(id, 1000 + ((id * 7919) % 600) * 1000);
      const { status, body } = await post(agent, port, '/photos', form);
      answers[id] = `${status} ${body}`;
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, sender));
  } finally {
    agent.destroy();
  }
  return createHash('sha256').update(answers.join('\n')).digest('hex');
}

module.exports = { runSoftware, sendPhotos };
