// Unary calls over channels of their own, one at a time on each. All bytes of every answer are
// compared.

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const KiB = 1024;
const SIZES = [64, 256, 1024, 4096].map((size) => size * KiB);
const CHANNELS = 8;
const DEFINITION = path.join(__dirname, '..', 'servers', 'grpc', 'store.proto');

const blobs = SIZES.map((size, n) => ({
  name: `blob ${n}`,
  data: Buffer.alloc(size, `blob ${n}, `),
}));

class Channel {
  #client;
  #onDone;

  constructor(client, onDone) {
    this.#client = client;
    this.#onDone = onDone;
  }

  send(_mix, id) {
    const sent = blobs[id % blobs.length];
    this.#client.echo(sent, (error, got) => {
      const fault = error?.message ?? (got.data.equals(sent.data) ? null : 'other bytes');
      this.#onDone(this, fault, fault === null);
    });
  }

  destroy() {
    this.#client.close();
  }
}

module.exports = (port, onDone) => {
  const { Store } = grpc.loadPackageDefinition(loadSync(DEFINITION));
  const options = {
    'grpc.max_receive_message_length': 8 * KiB * KiB,
    'grpc.use_local_subchannel_pool': 1, // or all would share a connection
  };
  const clientOf = () => new Store(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
  return Array.from({ length: CHANNELS }, () => new Channel(clientOf(), onDone));
};
