'use strict';

// What a slab says of a Buffer that it does not free or send.

const { RallocError } = require('../base/errors.js');

const foreign = (message) => () => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);
const ended = (message) => () => new RallocError('ERR_RALLOC_DOUBLE_FREE', message);

const IN_FLIGHT =
  'An operation of Node uses the Buffer and is not over. Send it when it is: in its callback, or after its promise';

module.exports = {
  ofNoSlab: foreign('The Buffer is of no slab'),
  ofOtherSlab: foreign('The Buffer is of another slab'),
  isView: foreign('The Buffer is a view of a slab Buffer. Free the one that alloc() gave'),
  wasTransferred: foreign("The Buffer's memory was transferred away"),
  hasNoSlot: foreign('The Buffer has no bytes, and so no slot to send'),
  wasFreed: ended(
    'The Buffer was freed before. Keep one owner for each Buffer, and drop the reference when it is freed',
  ),
  wasSent: ended('The Buffer was sent: whoever receives its token frees it'),
  isInFlight: () => new RallocError('ERR_RALLOC_IN_USE', IN_FLIGHT, { inUse: 1 }),
};
