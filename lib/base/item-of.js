'use strict';

/** The value of a key in a Map or WeakMap. If there is none, makes it by make(key), once. */
function itemOf(map, key, make) {
  const item = map.get(key);
  if (item !== undefined || map.has(key)) return item;
  const made = make(key);
  map.set(key, made);
  return made;
}

module.exports = { itemOf };
