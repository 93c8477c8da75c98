const http = require('node:http');
const { Kafka, logLevel, Partitioners } = require('kafkajs');
const { requestArena } = require('ralloc/http');

module.exports = async (port) => {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return http.createServer(
    requestArena().wrap(async (req, res) => {
      const value = await req.arena.body();
      const [{ baseOffset }] = await producer.send({ topic: 'events', messages: [{ value }] });
      res.end(baseOffset);
    }),
  );
};
