const http = require('node:http');
const { S3Client } = require('@aws-sdk/client-s3');
const { Upload } = require('@aws-sdk/lib-storage');

module.exports = (port) => {
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    region: 'local',
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  });
  return http.createServer(async (req, res) => {
    const upload = new Upload({
      client,
      params: { Bucket: 'files', Key: 'a.bin', Body: req },
      partSize: 5 * 1024 * 1024,
      queueSize: 4,
    });
    const { ETag } = await upload.done();
    res.end(ETag);
  });
};
