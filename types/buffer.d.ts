/// <reference types="node" />
/// <reference lib="esnext.disposable" />

// What the types of arenas, slabs and regions share: Buffers, and what they are made of.

/** What `Buffer.alloc` returns: `Buffer<ArrayBuffer>` if @types/node has that, otherwise `Buffer`. */
export type ArenaBuffer = ReturnType<typeof Buffer.alloc>;

/** What `Buffer.alloc` fills with. */
export type Fill = string | number | boolean | Uint8Array;

/** What `Buffer.from` takes, ArrayBuffers by copy. */
export type BytesLike =
  | Uint8Array
  | ArrayBuffer
  | SharedArrayBuffer
  | ArrayLike<number>
  | { type: 'Buffer'; data: readonly number[] }
  | { valueOf(): string | ArrayBuffer | SharedArrayBuffer | ArrayLike<number> }
  | { [Symbol.toPrimitive](hint: 'string'): string };

export type TypedArrayConstructor =
  | Int8ArrayConstructor
  | Uint8ArrayConstructor
  | Uint8ClampedArrayConstructor
  | Int16ArrayConstructor
  | Uint16ArrayConstructor
  | Int32ArrayConstructor
  | Uint32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor
  | BigInt64ArrayConstructor
  | BigUint64ArrayConstructor
  | (typeof globalThis extends { Float16Array: infer Float16 } ? Float16 : never);
