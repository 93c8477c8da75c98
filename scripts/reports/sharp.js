'use strict';

// sharp#2607: pictures that are made smaller.

const http = require('node:http');
const sharp = require('sharp');

sharp.cache(false);
const noise = { type: 'gaussian', mean: 128, sigma: 60 };
const create = { width: 4000, height: 3000, channels: 3, noise, background: '#888' };

async function main() {
  const source = await sharp({ create }).jpeg({ quality: 95 }).toBuffer();
  let width = 200;
  const server = http.createServer(async (_req, res) => {
    width = width > 1000 ? 200 : width + 37;
    res.end(await sharp(source).resize(width).jpeg().toBuffer());
  });
  require('./listen.js')(server);
}

main();
