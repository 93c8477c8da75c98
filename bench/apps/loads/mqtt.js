// 64 KiB that one client publishes to 50 others (QoS 0).

const { once } = require('node:events');
const net = require('node:net');
const mqtt = require('mqtt-packet');
const Room = require('./room.js');

const SUBSCRIBERS = 50;
const SIZE = 64 * 1024;
const TOPIC = 'bench';

/** A connection whose packets are events of its parser: `connack`, `suback`, `publish`. */
async function connect(port, clientId) {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  const parser = mqtt.parser();
  parser.on('packet', (packet) => parser.emit(packet.cmd, packet));
  socket.on('data', (chunk) => parser.parse(chunk));
  const send = (packet) => socket.write(mqtt.generate(packet));
  send({
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: 4,
    clientId,
    clean: true,
    keepalive: 0,
  });
  await once(parser, 'connack');
  return { socket, parser, send };
}

async function subscribe(port, clientId) {
  const client = await connect(port, clientId);
  client.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: TOPIC, qos: 0 }] });
  await once(client.parser, 'suback');
  return client;
}

module.exports = async (port, onDone) => {
  const subscribing = Array.from({ length: SUBSCRIBERS }, (_, n) => subscribe(port, `client-${n}`));
  const subscribers = await Promise.all(subscribing);
  const publisher = await connect(port, 'publisher');
  const start = (id) => {
    const payload = Buffer.alloc(SIZE, `message ${id}, `);
    publisher.send({ cmd: 'publish', topic: TOPIC, payload, qos: 0 });
    return payload;
  };
  const destroy = () => {
    for (const { socket } of [publisher, ...subscribers]) socket.destroy();
  };
  const room = new Room(SUBSCRIBERS, { start, destroy }, onDone);
  for (const { socket, parser } of subscribers) {
    parser.on('publish', ({ payload }) => room.take(payload));
    socket.on('error', () => {}); // its `close` follows
    socket.on('close', () => room.lose());
  }
  return [room];
};
