'use strict';

// Loaded before the variant `flag` of `ralloc compare`: sets V8's flag for Buffers, which
// NODE_OPTIONS does not allow.

require('node:v8').setFlagsFromString('--external-memory-accounted-in-global-limit');
