const http = require('node:http');
const { Kafka, logLevel, Partitioners } = require('kafkajs');

module.exports = async (port) => {
  const kafka = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  return http.createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    const value = Buffer.concat(chunks);
    const [{ baseOffset }] = await producer.send({ topic: 'events', messages: [{ value }] });
    res.end(baseOffset);
  });
};
