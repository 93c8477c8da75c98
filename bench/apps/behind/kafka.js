// What a producer asks of a broker: ApiVersions, Metadata 1 and Produce 3, of one topic with one
// partition. The offset of a message is the CRC-32 of its value, which the application passes on.
// https://kafka.apache.org/protocol.html

const net = require('node:net');
const { crc32 } = require('node:zlib');

const [PRODUCE, METADATA, API_VERSIONS] = [0, 3, 18];
const VERSIONS = [
  [PRODUCE, 3],
  [METADATA, 1],
  [API_VERSIONS, 1],
];
const TOPIC = 'events';
const BATCH_HEADER = 61;

function integer(bytes, value) {
  const field = Buffer.alloc(bytes);
  if (bytes === 8) field.writeBigInt64BE(BigInt(value));
  else field.writeIntBE(value, 0, bytes);
  return field;
}

const [int8, int16, int32, int64] = [1, 2, 4, 8].map((bytes) => (value) => integer(bytes, value));
const string = (text) => Buffer.concat([int16(text.length), Buffer.from(text)]);
const list = (...items) =>
  Buffer.concat([int32(items.length), ...items.map((one) => Buffer.concat(one))]);

const versions = (version) => [
  int16(0),
  list(
    ...VERSIONS.map(([key, most]) => [
      int16(key),
      int16(key === API_VERSIONS ? 0 : most),
      int16(most),
    ]),
  ),
  ...(version > 0 ? [int32(0)] : []),
];

function metadata(port) {
  const partition = [int16(0), int32(0), int32(1), list([int32(1)]), list([int32(1)])];
  return [
    list([int32(1), string('127.0.0.1'), int32(port), int16(-1)]),
    int32(1),
    list([int16(0), string(TOPIC), int8(0), list(partition)]),
  ];
}

/** A number of Kafka's records (zigzag) at `at`, and where it ends. */
function varint(bytes, at) {
  let [value, end, shift] = [0, at, 0];
  for (; ; shift += 7) {
    const byte = bytes[end++];
    value |= (byte & 127) << shift;
    if (byte < 128) return [(value >>> 1) ^ -(value & 1), end];
  }
}

/** The value of the only record of a batch. */
function valueIn(batch) {
  let at = BATCH_HEADER;
  const next = () => {
    const [value, end] = varint(batch, at);
    at = end;
    return value;
  };
  next(); // the record's length
  at++; // its attributes
  for (const _ of ['timestamp', 'offset']) next();
  const key = next();
  at += Math.max(0, key); // -1: there is none
  const length = next();
  return batch.subarray(at, at + length);
}

/**
 * A Produce request has the transaction (none), acks, a timeout, then the topic, the partition and
 * its batch.
 */
function produced(body) {
  const batch = body.subarray(2 + 2 + 4 + 4 + (2 + TOPIC.length) + 4 + 4 + 4);
  const offset = crc32(valueIn(batch));
  return [list([string(TOPIC), list([int32(0), int16(0), int64(offset), int64(-1)])]), int32(0)];
}

function answer(request, port) {
  const [key, version, correlation] = [
    request.readInt16BE(0),
    request.readInt16BE(2),
    request.readInt32BE(4),
  ];
  const body = request.subarray(10 + Math.max(0, request.readInt16BE(8))); // behind the client's name
  const fields = {
    [API_VERSIONS]: () => versions(version),
    [METADATA]: () => metadata(port),
    [PRODUCE]: () => produced(body),
  }[key]();
  const response = Buffer.concat([int32(correlation), ...fields]);
  return Buffer.concat([int32(response.length), response]);
}

module.exports = () => {
  const server = net.createServer({ noDelay: true }, (socket) => {
    let waiting = Buffer.alloc(0);
    socket.on('error', () => {}); // of a server that was stopped
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 4) {
        const end = 4 + waiting.readInt32BE(0);
        if (waiting.length < end) return;
        socket.write(answer(waiting.subarray(4, end), server.address().port));
        waiting = waiting.subarray(end);
      }
    });
  });
  return server;
};
