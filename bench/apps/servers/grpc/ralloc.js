const path = require('node:path');
const { promisify } = require('node:util');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');
const { BufferWriter } = require('protobufjs');
const { Arena } = require('ralloc');

const { Store } = grpc.loadPackageDefinition(loadSync(path.join(__dirname, 'store.proto')));

const arena = new Arena({ maxBytes: 8 * 1024 * 1024 });
BufferWriter.alloc = (size) => {
  arena.reset(); // grpc-js has copied the last message when it is asked for the next one
  return arena.allocUnsafe(size);
};

module.exports = () => {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 8 * 1024 * 1024 });
  server.addService(Store.service, {
    echo(call, done) {
      done(null, { name: call.request.name, data: call.request.data });
    },
  });
  const bind = promisify(server.bindAsync.bind(server));
  return bind('127.0.0.1:0', grpc.ServerCredentials.createInsecure());
};
