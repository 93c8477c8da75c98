'use strict';

const compressors = ['node/compressors.test.js'];
const files = ['node/files.test.js'];
const parts = ['auto/parts.test.js'];
const piped = ['node/pipe.test.js'];

module.exports = [
  {
    file: 'node/compressors.js',
    tests: compressors,
    mutants: {
      'no reset': ['  handle.reset();\n', ''],
      'not wiped': ['ZEROS.length);', '0);'],
      'one that ends alone is kept': ['open < OTHERS || ', ''],
      'long ones of gzip are kept': [' || this.bytesWritten > longest', ''],
      'nobody ends': ['        open -= 1;\n', ''],
      'those that are used again are not counted': [
        '    open += 1;\n    counts.reused',
        '    counts.reused',
      ],
      'one that was aborted is used again': [
        '  stream.readableEnded &&\n  stream.writableFinished &&\n',
        '',
      ],
      'one that nobody has read is used again': ['  stream.readableEnded &&\n', ''],
      'one that was destroyed with an error is used again': [
        '  error === null &&\n',
        '',
        {
          equivalent:
            'a stream that has ended takes no error any more, and one that has not is not over',
        },
      ],
      'one with a write under way is used again': [
        '  handle.buffer === null;',
        '  true;',
        {
          equivalent:
            'the end of what is read comes after the last write; this holds also if Node changes that',
        },
      ],
      'one whose settings have changed is used again': [
        '        forgo(this);\n        return Reflect.apply(prototype.params',
        '        return Reflect.apply(prototype.params',
      ],
      'settings do not matter': ['entry.kind === kind && entry.key === key', 'entry.kind === kind'],
      'kinds do not matter': ['entry.kind === kind && entry.key === key', 'entry.key === key'],
      'what others wrote on it does not matter': [
        'if (isBroken || !isClean) return',
        'if (isBroken) return',
      ],
      'it keeps the stream': ['  handle.jsref = null; // the stream\n', ''],
      'it keeps the store': [
        '  handle.asyncReset(handle);\n  idle.add',
        '  idle.add',
        { equivalent: 'on Node 20 and 22, where the store is under a symbol; 24 and 26 kill it' },
      ],
      'it has the store of the stream before': [
        '    handle.asyncReset(handle);\n    stream._writeState',
        '    stream._writeState',
      ],
      'there is no limit': ["if (idle.length > most) close(idle.shift(), 'full');", ''],
      'chunks are the memory of the next stream': [
        '    set.call(chunk, subarray.call(output, from, to));\n    return chunk;',
        '    return subarray.call(output, from, to);',
      ],
      'an ended stream has the output of the next': ['        this._outBuffer = NONE;', '        '],
      'the size of chunks does not matter': [
        '  if (options.chunkSize !== undefined) return make(options);\n',
        '',
      ],
      'nothing is closed at rest': ["close(entry, 'rest')", 'void entry'],
      'a dictionary is not seen': ["['dictionary', ", '['],
      'classes of options are read': [
        'prototype !== null && prototype !== Object.prototype',
        'false',
      ],
      'a patch is replaced': ['else if (creators.has(original) || isOwn(original)) {', 'else {'],
    },
  },
  {
    file: 'memory/spares.js',
    tests: compressors,
    mutants: {
      'what is needed is closed at rest': ['.splice(0, this.#low)', '.splice(0)'],
    },
  },
  {
    file: 'node/blocks.js',
    tests: files,
    mutants: {
      'views of a block that was given back show the next read': [
        'isKept ? foreign.detach(ab) : undefined',
        'isKept ? ab : undefined',
      ],
      'there is no limit': [' && counts.idle + bytes <= MOST;', ';'],
      'a block may be larger than what is read': [
        'spares.take(({ length }) => length === bytes)',
        'spares.take(({ length }) => length >= bytes)',
      ],
      'memory that has others too is used again': [
        'bytes === ab.byteLength && ',
        '',
        { equivalent: 'the chunks of messages that share memory are not of whole blocks' },
      ],
    },
  },
  {
    file: 'node/pipe/watch.js',
    tests: piped,
    mutants: {
      'any listener is of a pipe': [
        "  if (!isOfPipe(listener)) return leave('readers'); // or there are several listeners\n",
        '',
      ],
      'who has a method of its own is not seen': [
        "Object.hasOwn(sink, 'write') ? undefined : completionCheckOf(sink)",
        'completionCheckOf(sink)',
        { equivalent: 'the method is a patch, or passes on what another source gives' },
      ],
      "what was read is given back at 'drain'": [
        '  const onUnpipe = (from) => {\n',
        "  sink.on('drain', () => [...source._readableState.buffer].forEach(giveBack));\n  const onUnpipe = (from) => {\n",
      ],
      'who reads on while one is written is not seen': ['if (isWriting) chunks.end();', ''],
      'what a program writes itself is watched': ['args.length !== 1 || ', ''],
      'it stays': ['.value === write) delete sink.write;', '.value === write) void 0;'],
      'short messages are watched': ['kind.notesBefore && isSmall(source)', 'false'],
      'a short message hides those after it': [
        'isSmall(source)) watchConnection(source);',
        'isSmall(source)) return;',
        { since: [26, 12] },
      ],
      'what waited is written past it': [
        'if (state.pipeOnData) state.pipeOnData = null;',
        '',
        { since: [26, 12] },
      ],
    },
  },
  {
    file: 'node/own-methods.js',
    tests: piped,
    mutants: {
      'a patch of the class is not seen': [
        'Object.getPrototypeOf(object)[name] === own);',
        'true);',
      ],
    },
  },
  {
    file: 'node/files.js',
    tests: files,
    mutants: {
      'the memory is new always': ['isPooled && larger.has(this)', 'false'],
      'it is used again where that is off': ['isPooled && larger', 'larger'],
      'short files take large reads': ['if (left <= USUAL) return left;', ''],
      'the read that finds the end is large': ['if (left === 0) return LAST;', ''],
      'what is no file has a size': [' && stats.isFile()', ''],
      'who was destroyed reads on': ['if (!stream.destroyed) next();', 'next();'],
      'where a file ends does not matter': ['Math.min(size, share, left)', 'Math.min(size, share)'],
      'a size of its own does not matter': ['usual !== USUAL || ', ''],
      'however many are open': ['Math.min(size, share, left)', 'Math.min(size, left)'],
      'closed ones count': ['      forget(this);\n', ''],
      'that of a delegate counts': [
        'else if (stream !== null) forget(Object.getPrototypeOf(stream));',
        '',
      ],
      'what is never closed counts': [' || stream.autoClose === false', ''],
      'what is passed on is read in larger pieces': ['isChosen || !goesOn(this)', 'true'],
      'what is passed on is so where larger pieces were asked for': ['isChosen || ', ''],
      "zlib's streams pass on what they get": [' && !isKnownSink(stream)', ''],
      'who keeps what it gets passes it on': ['stream._readableState !== undefined, false', 'true'],
      'a delegate is taken for its stream': ["!Object.hasOwn(stream, '_read') || ", ''],
      'a second pipe is not seen': ['?.some(passesOn)', '?.slice(0, 1).some(passesOn)'],
      'who is left counts for each read': ['  passing.add(stream);\n', ''],
      'pump() does not know the method': ['read: allow(function', 'read: (function'],
      'who says how to read is not heard': [
        'SAYS.every((name) => options[name] === undefined)',
        'true',
      ],
    },
  },
  {
    file: 'auto/parts.js',
    tests: parts,
    mutants: {
      'nothing is off': [') continue;', ');'],
      'names are not checked': ['  checkNames(parts);\n', ''],
      'it always tells': ["!here.includes('report')", 'false'],
    },
  },
  {
    file: 'auto/options.js',
    tests: parts,
    mutants: {
      'workers begin anew': ['threads().getEnvironmentData(PARTS) ?? parts', 'parts'],
    },
  },
];
