const net = require('node:net');
const { Aedes } = require('aedes');

module.exports = async () => {
  const broker = await Aedes.createBroker();
  return net.createServer(broker.handle);
};
