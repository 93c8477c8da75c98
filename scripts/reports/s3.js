'use strict';

// aws-sdk-js-v3: objects that are read whole.

const { createHash } = require('node:crypto');
const http = require('node:http');
const { GetObjectCommand, S3Client } = require('@aws-sdk/client-s3');

const client = new S3Client({
  ...{ endpoint: `http://127.0.0.1:${process.env.UPSTREAM}`, forcePathStyle: true },
  ...{ region: 'any', credentials: { accessKeyId: 'any', secretAccessKey: 'any' } },
});
const server = http.createServer(async (_req, res) => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'any', Key: 'any' }));
  const bytes = await Body.transformToByteArray();
  res.end(createHash('md5').update(bytes).digest('hex'));
});
require('./listen.js')(server);
