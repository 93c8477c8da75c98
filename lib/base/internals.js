'use strict';

// The only door to what Node does not document: no other file of lib/ names it, which a lint
// checks. `INTERNALS` says of each part what is checked before its use, and what ralloc does
// without it; `ralloc doctor` tells which of them this Node lacks, and a weekly job asks it on
// Node's nightly. Names are constants: a property by a constant key costs no more than by its name.

const Module = require('node:module');
const process = require('node:process');
const { attempt } = require('./attempt.js');
const { itemOf } = require('./item-of.js');

/** The newest Nodes in which every part was seen. */
const SEEN = ['20.20', '22.23', '24.22', '26.12'];

const areIn = (object, names) => names.every((name) => name in object);

/**
 * By part: `names`, which Node's source has; `later`: those that only newer Nodes have, or that are
 * not in its JavaScript. isAlike() is asked once, before the first use; where there is none, each
 * object is looked at. `without`: what ralloc does without the part.
 */
const INTERNALS = {
  streams: {
    names: { kState: '_readableState', kEvents: '_events' },
    later: { kPipeOnData: 'pipeOnData' }, // of a state: the sink of a pipe gets chunks by _write()
    isAlike: areStreamsAlike,
    without: 'chunks are left to V8, and what is pushed to a stream is copied',
  },
  sockets: {
    names: {
      kHandle: '_handle', // of a stream of node:zlib, too
      kOnRead: 'onread', // of a handle
      kParent: '_parent', // of a handle of TLS: the one below it
      kMessage: '_httpMessage', // what it sends now
      kHadError: '_hadError', // of a client
    },
    without: 'chunks of sockets are left to V8, and a response tells itself when it is over',
  },
  bodies: {
    names: { kOnBody: 'kOnBody', kDumped: '_dumped' }, // of a parser; of a message that nobody reads
    without: 'chunks of bodies are left to V8',
  },
  clients: {
    names: { kOnData: 'socketOnData' },
    isAlike: () => USES.every(isInTexts),
    without: "chunks of a client's sockets are left to V8",
  },
  messages: {
    names: {
      kQueue: 'outputData', // what its socket has not got yet
      kHasBody: '_hasBody',
      kFlush: '_flushOutput',
      kSend: '_send',
      kWriteRaw: '_writeRaw',
      kWriteGeneric: '_writeGeneric', // of its socket
      kAddRequest: 'addRequest', // of its agent
    },
    isAlike: areMessagesAlike,
    without: 'the guard holds what is written to a message until that is closed',
  },
  files: {
    names: { kFunctions: 'kFs' },
    isAlike: () => hasText('createReadStream', require('node:fs').createReadStream),
    without: 'reads of files stay as they are',
  },
  compression: {
    names: {
      kOutput: '_outBuffer',
      kChunkSize: '_chunkSize',
      kWriteState: '_writeState',
      kLevel: '_level',
      kStrategy: '_strategy',
      kRenew: 'asyncReset', // of a handle
      kOwner: 'owner_symbol', // of a handle
    },
    later: { kMode: '_mode', kReference: 'jsref' }, // since 22; of a handle
    isAlike: () => hasText('createGzip', require('node:zlib').createGzip),
    without: 'the memory of compression is not used again',
  },
  fetch: {
    names: { kConsume: 'consumeBody' },
    isAlike: () =>
      hasText('read', require('node:stream/web').ReadableStreamDefaultReader.prototype.read),
    without: 'bodies of fetch() are left to V8',
  },
  modules: {
    names: { kCompile: '_compile', kModulePaths: '_nodeModulePaths', kCache: '_cache' },
    without: 'body parsers stay as they are, and what ws queues is not held',
  },
  loaded: {
    names: { kLoadList: 'moduleLoadList' },
    isAlike: () => loadList.includes('NativeModule events'),
    without: 'every module is taken for loaded',
  },
  texts: {
    names: { kBinding: 'binding' },
    isAlike: () => isInTexts('') && (texts !== undefined || process.permission !== undefined),
    without: "a function is Node's if its stack says so",
  },
  signals: {
    names: { kExit: 'reallyExit' },
    later: { kSignal: 'SIGNALWRAP' },
    isAlike: () => typeof signalHandles().prototype.start === 'function',
    without: 'nothing is told where a signal ends the process',
  },
  children: {
    names: { kChannel: 'kChannelHandle' },
    without: "the inventory does not count a channel's queue",
  },
};

/** Key -> name. */
const NAMES = Object.assign(
  {},
  ...Object.values(INTERNALS).map(({ names, later }) => ({ ...names, ...later })),
);
const { kState, kEvents, kQueue, kHasBody, kFlush, kSend, kWriteRaw } = NAMES;

/** Whether the constructor of a class sets these properties. */
const sets = (Class, names) => names.every((name) => textOf(Class).includes(`this.${name} = `));

// These make no stream and no message: EventEmitter.init(), which runs for each request, is fast
// for up to four classes. On Node 24 one more costs each request of Express 1,000 instructions.

function areStreamsAlike() {
  const { Readable } = require('node:stream');
  const state = new Readable.ReadableState(undefined, undefined, false);
  const waits = ['length', 'ended', 'errored', 'destroyed', 'sync', 'flowing', 'decoder'];
  return (
    sets(Readable, [kState]) &&
    areIn(process[kEvents], process.eventNames()) &&
    areIn(state, [...waits, 'dataEmitted', 'resumeScheduled', 'pipes'])
  );
}

function areMessagesAlike() {
  const { OutgoingMessage } = require('node:http');
  return (
    sets(OutgoingMessage, [kQueue, kHasBody, 'chunkedEncoding']) &&
    areIn(OutgoingMessage.prototype, [kFlush, kSend, kWriteRaw])
  );
}

const verdicts = new Map();

/** Whether this Node has a part of `INTERNALS`, as far as its isAlike() tells. */
const nodeHas = (part) =>
  itemOf(verdicts, part, () => attempt(INTERNALS[part].isAlike, false) === true);

/** The files that Node has loaded, with their modules. */
const loadedModules = () => Object.entries(Module[NAMES.kCache] ?? {});

/** `NativeModule` and a name for each of Node's loaded modules; it grows. Empty on Bun. */
const loadList = process[NAMES.kLoadList] ?? []; // a read of `process` takes 200 instructions

const symbolOf = (object, name) =>
  Object.getOwnPropertySymbols(object).find(({ description }) => description === name);

/** The index of the function by which a parser of HTTP/1 passes on a body. */
const bodyIndexOf = (parser) => parser?.constructor?.[NAMES.kOnBody];

/**
 * Whether `listener` is the only one that reads a stream, which is piped to `sink` alone, or to
 * none.
 */
function readsAlone(stream, listener, sink) {
  const { data, readable } = stream[kEvents];
  const { decoder, pipes } = stream[kState];
  return (
    data === listener &&
    readable === undefined &&
    !decoder &&
    (sink === undefined ? !(pipes?.length > 0) : pipes.length === 1 && pipes[0] === sink)
  );
}

/** Whether it is a stream of Node or of the package readable-stream. */
const isStream = (value) => (value[kState] ?? value.readableFlowing) !== undefined;

/** The class of signal handles, which Node shows only to async hooks; or undefined. */
function signalHandles() {
  let Handle;
  const hook = require('node:async_hooks').createHook({
    init(_id, type, _trigger, resource) {
      if (type === NAMES.kSignal) Handle = resource.constructor;
    },
  });
  const listener = () => {};
  hook.enable();
  try {
    process.on('SIGWINCH', listener);
    process.off('SIGWINCH', listener);
  } finally {
    hook.disable();
  }
  return Handle;
}

const textOf = (method) => Function.prototype.toString.call(method);

/** The text of functions of Node; any other function is a patch. Those of fs: on 20 to 26. */
const TEXTS = {
  createReadStream:
    /^function createReadStream\(path, options\) \{\s*(?:const h = vfsState\.handlers;\s*if \(h !== null\) \{[^}]*\}\s*)?lazyLoadStreams\(\);\s*return new ReadStream\(path, options\);\s*\}$/,
  createGzip: /^function ?\(options\) \{\s*return new ctor\(options\);\s*\}$/,
  // Returns a rejected promise for a wrong `this`, so it is never called to find out whose it is.
  read: /^read\(\) \{\s*if \(!isReadableStreamDefaultReader\(this\)\)\s*return PromiseReject\(/,
  ofResponse: /^\w+ ?\(\) \{.*\breturn consumeBody\(this, /s,
};

const hasText = (name, method) => typeof method === 'function' && TEXTS[name].test(textOf(method));

/** All uses of the chunk `d` in the listener that gives a client's parser its chunks. */
const USES = [
  'function socketOnData(d)',
  'parser.execute(d)',
  'prepareError(ret, parser, d)',
  'd.slice(bytesParsed, d.length)',
];

/** Whether a text has these uses, and no other. */
function isOnData(text) {
  const rest = USES.reduce((left, use) => left.replace(use, ''), text);
  return USES.every((use) => text.includes(use)) && !/\bd\b|\barguments\b/.test(rest);
}

/** The modules of Node that have streams' methods, and what these call. */
const MODULES =
  /^(?:_http_|_tls_|_stream_|internal\/(?:streams|fs|crypto|webstreams|http2|tls)\/|internal\/(?:encoding|http|stream_base_commons|js_stream_socket)|(?:buffer|events|fs|net|stream|string_decoder|zlib)$)/;

/** Their source texts, or those of `modules`; undefined where permissions deny them. */
function readTexts(modules = MODULES) {
  if (process.permission !== undefined) return undefined;
  const { noDeprecation } = process;
  try {
    process.noDeprecation = true; // for --pending-deprecation
    const natives = process.binding('natives');
    return Object.keys(natives).flatMap((name) => (modules.test(name) ? natives[name] : []));
  } catch {
    return undefined;
  } finally {
    Reflect.set(process, 'noDeprecation', noDeprecation);
  }
}

let texts = null; // the text in which the last one was found is the first

/** Whether a text is in those of Node; true if Node does not give them. */
function isInTexts(text) {
  if (texts === null) texts = readTexts();
  if (texts === undefined) return true;
  const found = texts.findIndex((source) => source.includes(text));
  if (found > 0) texts.unshift(...texts.splice(found, 1));
  return found !== -1;
}

module.exports = {
  ...NAMES,
  INTERNALS,
  SEEN,
  areIn,
  bodyIndexOf,
  hasText,
  isInTexts,
  isOnData,
  isStream,
  loadList,
  loadedModules,
  nodeHas,
  readTexts,
  readsAlone,
  signalHandles,
  symbolOf,
  textOf,
};
