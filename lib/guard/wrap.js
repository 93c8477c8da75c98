'use strict';

/**
 * Replaces the method `name` of `object` by make(original), which has its name, length and other own properties, as
 * util.promisify.custom. False where there is no such method, or the object does not let anyone replace it.
 */
function wrap(object, name, make) {
  const descriptor = Object.getOwnPropertyDescriptor(object ?? {}, name);
  if (typeof descriptor?.value !== 'function') return false;
  const original = descriptor.value;
  const wrapper = make(original);
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue;
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(original, key));
  }
  return Reflect.defineProperty(object, name, { ...descriptor, value: wrapper });
}

module.exports = { wrap };
