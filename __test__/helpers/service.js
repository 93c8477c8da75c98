'use strict';

// The recording of a small service, whose code is in fixtures/tools/report/service: a leak by two ways, churn, a cache
// with eviction, a dependency, slices that pin, and chunks of streams.

const path = require('node:path');
const { encode } = require('../../tools/recorder/lines.js');
const { recording, site } = require('./recorded.js');

const folder = path.join(__dirname, '..', 'fixtures', 'tools', 'report', 'service');

/** `remember sessions.js:9:26` → the same with the whole path */
const frame = (text) => text.replace(/ (?=\S+$)/, ` ${folder}${path.sep}`);
const handler = (line) => `handle server.js:${line}:47`;

const stackOf = (source, route, ...frames) => site(source, frames.map(frame), route);

const sites = {
  leak: stackOf(
    'Buffer.from',
    'POST /login',
    'remember sessions.js:9:26',
    'login server.js:16:3',
    handler(31),
  ),
  leakOnRefresh: stackOf(
    'Buffer.from',
    'POST /refresh',
    'remember sessions.js:9:26',
    'refresh server.js:22:3',
    handler(33),
  ),
  churn: stackOf(
    'Buffer.allocUnsafe',
    'POST /rows',
    'parseRow rows.js:12:22',
    'parseRows rows.js:22:15',
    'importRows server.js:27:10',
    handler(32),
  ),
  concat: stackOf(
    'Buffer.concat',
    'POST /rows',
    'parseRows rows.js:25:17',
    'importRows server.js:27:10',
    handler(32),
  ),
  cache: stackOf(
    'Buffer.from',
    'GET /page',
    'put cache.js:15:26',
    'page server.js:37:3',
    handler(34),
  ),
  dependency: stackOf(
    'Buffer.alloc',
    'GET /page',
    'deflate node_modules/packer/index.js:88:14',
    'page server.js:38:15',
    handler(34),
  ),
  pins: stackOf(
    'Buffer.from',
    'POST /login',
    'tag sessions.js:16:26',
    'login server.js:17:3',
    handler(31),
  ),
  rowsBody: stackOf('http', 'POST /rows'),
  loginBody: stackOf('http', 'POST /login'),
  socket: stackOf('net', undefined),
};

/** Up and down, and each time the same. */
const wave = (seed) => (slot) =>
  1 + 0.25 * Math.sin((slot * (seed + 2)) / 3.1) + 0.15 * Math.sin(slot * slot * (seed + 1));

/** `leak` and `churn`: bytes a second of these lines. */
function behaviours({ leak = 1_200_000, churn = 96_000_000 } = {}) {
  const inRequest = (site, size, perSecond, lives) => ({
    site,
    size,
    perSecond,
    lives,
    route: true,
  });
  return [
    inRequest(sites.leak, 2048, leak * 0.75, [[0.03, 300]]),
    inRequest(sites.leakOnRefresh, 2048, leak * 0.25, [[0.03, 300]]),
    inRequest(sites.churn, 512, churn, [
      [0.7, 3],
      [0.25, 12],
      [0.05, 200],
    ]),
    inRequest(sites.concat, 60_000, 31_000_000, [
      [0.6, 30],
      [0.4, 160],
    ]),
    {
      site: sites.cache,
      size: 40_000,
      perSecond: 1_800_000,
      lives: [
        [0.4, 6000],
        [0.6, 12_000],
      ],
    },
    inRequest(sites.dependency, 16_384, 22_000_000, [
      [0.9, 9],
      [0.1, 260],
    ]),
    inRequest(sites.rowsBody, 65_536, 44_000_000, [
      [0.8, 14],
      [0.2, 90],
    ]),
    inRequest(sites.loginBody, 1400, 1_000_000, [[1, 5]]),
    { site: sites.socket, size: 16_384, perSecond: 700_000, lives: [[1, 40]] },
    { site: sites.pins, size: 48, perSecond: 4000, pins: 9_400_000 },
  ].map((one, index) => ({ ...one, share: wave(index) }));
}

/** The blocks of a recording of `seconds`. */
const service = ({ seconds = 60, start, ...changes } = {}) =>
  recording({ seconds, start, name: 'server', behaviours: behaviours(changes) });

/** The same as the bytes of a file. */
const serviceFile = (options) => Buffer.concat(service(options).map(encode));

module.exports = { folder, service, serviceFile, sites };
