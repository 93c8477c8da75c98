import { crc32 } from 'node:zlib';

export async function POST(request) {
  return new Response(`${crc32(Buffer.from(await request.arrayBuffer()))}`);
}
