'use strict';

// The errors of free() and send(): the Buffer is foreign, a view, freed, sent or in flight. The
// error of a full slab, ERR_RALLOC_EXHAUSTED, comes from pool.js;
// its text is in base/errors.js.

const { RallocError } = require('../base/errors.js');

const foreign = (message) => () => new RallocError('ERR_RALLOC_FOREIGN_BUFFER', message);
const ended = (message) => () => new RallocError('ERR_RALLOC_DOUBLE_FREE', message);

const IN_FLIGHT =
  'An operation of Node still uses the Buffer. Send it when the operation is over: in its callback, or after its promise';

module.exports = {
  ofNoSlab: foreign('The Buffer does not belong to a slab'),
  ofOtherSlab: foreign('The Buffer belongs to another slab'),
  isView: foreign('The Buffer is a view of a slab Buffer. Free the Buffer that alloc() returned'),
  wasTransferred: foreign("The Buffer's memory was transferred away"),
  hasNoSlot: foreign('The Buffer has no bytes, so there is no slot to send'),
  wasFreed: ended(
    'The Buffer was already freed. Let one place own each Buffer, and drop the reference when it is freed',
  ),
  wasSent: ended('The Buffer was sent. The thread that receives it frees it'),
  isInFlight: () => new RallocError('ERR_RALLOC_IN_USE', IN_FLIGHT, { inUse: 1 }),
};
