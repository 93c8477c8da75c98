'use strict';

// The texts of warnings, by code.

const { formatBytes, heapFlags, many } = require('./bytes.js');

module.exports = {
  RALLOC_JS_BACKEND: (why) =>
    `ralloc uses its JavaScript fallback, which has no shared slabs and no memory options: ${why}`,
  RALLOC_WRONG_VALUE: ({ name, value, why }) => `${name} is '${value}', which is ignored: ${why}`,
  RALLOC_HEAP_FALLBACK: (why) => `requests get heap Buffers for now: ${why}`,
  RALLOC_QUARANTINE_HIGH: (bytes) =>
    `new requests get no arena memory for now: ${formatBytes(bytes)} wait for the garbage collector, of responses that were aborted, answered with a 5xx or sent to no socket, or of requests with safety 'gc' whose Buffers are kept. If this is usual, raise "maxQuarantineBytes", and "maxBytes" with it`,
  RALLOC_LEASED_LONG: ({ request, bytes, seconds }) =>
    `${request} has had its arena for ${seconds} s, and keeps all ${formatBytes(bytes)} that it has allocated. A long stream should call req.arena.reset() between its messages`,
  RALLOC_OPTIONS_IGNORED: (names) =>
    `requestArena() is mounted for requests that already have an arena of another requestArena(): ${names.map((name) => `"${name}"`).join(', ')} of the second ${names.length === 1 ? 'is' : 'are'} ignored. Mount one of them, with the options that you want`,
  RALLOC_USED_LATE: ({ request, answer, isDead }) => {
    if (answer === undefined) {
      return `${request} allocates after its end: a request that no server answers ends with its handler (Hono's app.request(), functions in a cloud), or by arenas.end(). These Buffers come from the heap. Allocate before that`;
    }
    const late = `${request}, answered with ${answer}, allocates after the end of its response`;
    return isDead
      ? `${late}, when its Buffers are dead: reads return nothing, and writing a number throws. Await such work before the response, or hold() it`
      : `${late}: these Buffers come from the heap, and earlier ones stay as they are until V8 has collected them. Await such work before the response`;
  },
  RALLOC_BODY_UNREAD: (request) =>
    `${request} was answered while its body was still being read, so the promise of body() or chunks() rejects. Await it before the response ends`,
  RALLOC_DEAD_SENT: ({ to, why }) =>
    `${to} was given a dead Buffer, which is refused; later ones are refused without a warning. ${why}. RALLOC_DEBUG=full shows the lines`,
  RALLOC_SLOT_STUCK: ({ name, size, count, age }) =>
    `${many(count, 'Buffer')} of ${size} bytes of the slab '${name}' ${count === 1 ? 'is' : 'are'} held, the first for ${Math.round(age)} ms; each needs its free()`,
  RALLOC_OPERATION_LONG: (seconds) =>
    `an operation of Node still uses a Buffer of an arena ${seconds} s after the arena's reset or the end of its response; the memory now waits for the garbage collector. Give the operation a deadline (usually it writes to a peer that does not read), or raise "holdMs" if it may take that long`,
  RALLOC_INTERRUPTED: (name) =>
    `a call of ${name === '' ? 'an arena' : `the arena '${name}'`} was interrupted, by the end of the stack or a timeout of vm. All memory in use at that time is left to the garbage collector`,
  RALLOC_GUARD_PARTIAL: ({ names, fate }) =>
    `the guard could not replace ${names.join(', ')}: Buffers given to these are ${fate}. Give them copyOut(buffer), hold() it, or load the guard first: node --import ralloc/guard`,
  RALLOC_PROFILE_STOPPED: ({ message }) =>
    `the profiler has stopped, and the application goes on without it. ${message}`,
  RALLOC_PROFILE_SNAPSHOT: (message) => message,
  RALLOC_TRIAL_OFF: ({ message }) =>
    `ralloc/auto changes nothing, and the application runs as it is. ${message}`,
  RALLOC_TABLE_FOUND: ({ file, edits, files }) =>
    `ralloc/auto changes ${many(edits, 'call')} in ${many(files, 'file')} as they load, by ${file}. To turn this off, remove the file, or set RALLOC_AUTO=no-table; RALLOC_AUTO_TABLE uses it without a warning`,
  RALLOC_SITES_FULL: ({ of, option, bytes }) =>
    `the ${of} of sites is full, at ${formatBytes(bytes)}: their Buffers are Node's own for now. If a site lacks the free() of some Buffers, add it; otherwise raise "${option}" of loadTable()`,
  RALLOC_BUDGET_SMALL: ({ maxBytes, auto: { memory, heap, share } }) =>
    `a budget with maxBytes: 'auto' has only ${formatBytes(maxBytes)}: V8's heap may take ${formatBytes(heap)} of the ${formatBytes(memory / share)} that the process may use. Run node with a smaller heap: half of it, say, by ${heapFlags(memory / share / 2)}`,
  RALLOC_POOL_PINNED: ({ asked, alive, perBuffer, from, to }) =>
    `small Buffers that are kept pin Node's pool, some ${formatBytes(perBuffer)} each: ${alive} of ${asked} of its blocks lived through two major collections. Buffer.poolSize is ${formatBytes(to)} from now on, which was ${formatBytes(from)}. The lines "pins" of npx ralloc report, for a profile of npx ralloc profile, say which code keeps them: it should keep copies, by Buffer.allocUnsafeSlow(). RALLOC_AUTO=no-pool-size turns this off`,
  RALLOC_PRESSURE_UNREAD: (folder) =>
    `the memory of the control group in ${folder} can no longer be read: budgets judge pressure by the other numbers`,
  RALLOC_FLIGHT_OFF: ({ where, why }) => `the flight recorder cannot write ${where}: ${why}`,
  RALLOC_MEMORY_HEAP: ({ limit, heap, flags }) =>
    `the memory limit is ${formatBytes(limit)}, and V8's heap alone may take ${formatBytes(heap)}. Start by npx ralloc run --memory-limit, or give node ${flags}`,
  RALLOC_BODY_REFUSED: ({ what, limit, used, route, bytes }) =>
    `${route} was ${what}: the process has ${formatBytes(used)} of its memory limit of ${formatBytes(limit)}, and this body has ${formatBytes(bytes)} of it. Later ones are counted, and not told: stats().limit`,
  RALLOC_LEAVING: ({ reason, code, seconds }) =>
    `the process leaves, with exit code ${code} within ${seconds} s: ${reason}`,
  RALLOC_CLIENT_CUT: ({ route, address, bytes, ms, total }) =>
    `a client that does not read was cut off: ${route}, ${address ?? 'gone'}, ${formatBytes(bytes)} unsent, nothing taken for ${Math.round(ms / 1000)} s; all write queues have ${formatBytes(total)}, more than a quarter of the memory limit. Wait for 'drain' before you write more`,
  RALLOC_METRICS_UNREAD: ({ name, error }) =>
    `the metrics of source '${name}' could not all be read, and the page lacks them: ${error.message}`,
  RALLOC_CONTINUED: () =>
    'a request with "Expect: 100-continue" was told to send its body before admission() saw it, and then had to wait or was refused. Call admission.attach(server)',
  RALLOC_HOLD_EXPIRED: ({ of, seconds }) =>
    `a hold of ${of} was not released within ${seconds} s; its memory now waits for the garbage collector. RALLOC_DEBUG=full shows where it was taken`,
};
