// Objects that stay, 1.3 MB of them, as a preload or a package has: whether V8's collections change
// by that alone.

globalThis[Symbol('heap')] = Array.from({ length: 9000 }, (_, n) => ({
  n,
  text: `x${n}`,
  list: [n, n],
}));
