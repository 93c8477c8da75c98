// What an upload in parts asks of S3. The ETag of what was uploaded is its CRC-32, which the
// application passes on.

const http = require('node:http');
const { crc32 } = require('node:zlib');

const xml = (name, fields) => `<?xml version="1.0"?><${name}>${fields}</${name}>`;

module.exports = () => {
  const uploads = new Map(); // id → the parts' bytes by their numbers
  let next = 1;

  function finish(id) {
    const parts = [...uploads.get(id)].sort(([a], [b]) => a - b);
    uploads.delete(id);
    const sum = parts.reduce((last, [, bytes]) => crc32(bytes, last), 0);
    return xml('CompleteMultipartUploadResult', `<ETag>${sum}</ETag>`);
  }

  return http.createServer(async (req, res) => {
    const { searchParams } = new URL(req.url, 'http://localhost');
    const id = searchParams.get('uploadId');
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    if (searchParams.has('uploads')) {
      uploads.set(`${next}`, new Map());
      return res.end(xml('InitiateMultipartUploadResult', `<UploadId>${next++}</UploadId>`));
    }
    if (req.method === 'POST') return res.end(finish(id));
    uploads.get(id).set(Number(searchParams.get('partNumber')), Buffer.concat(chunks));
    res.setHeader('etag', '"part"');
    return res.end();
  });
};
