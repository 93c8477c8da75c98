'use strict';

// The pool that people write by hand: free lists by power of two; everything that a request took
// goes back when its response closes. It is fast, and a Buffer that was kept too long stays alive
// over memory that the next request writes into. It knows nothing of operations still in flight.

const KEPT = 4096; // Buffers kept in each free list

module.exports = function pooled() {
  const free = Array.from({ length: 32 }, () => []);

  return function lease(res) {
    const taken = [];
    const allocUnsafe = (size) => {
      const list = free[32 - Math.clz32(Math.max(size, 64) - 1)];
      const block = list.pop() ?? Buffer.allocUnsafeSlow(2 ** free.indexOf(list));
      taken.push(block);
      return block.subarray(0, size);
    };
    const concat = (list) => {
      const whole = allocUnsafe(list.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of list) at += part.copy(whole, at);
      return whole;
    };
    res.on('close', () => {
      for (const block of taken) {
        const list = free[Math.log2(block.length)];
        if (list.length < KEPT) list.push(block);
      }
    });
    return { allocUnsafe, concat, hold: (promise) => promise };
  };
};
