// What the page `id` of a list of products is: some 4 KiB of JSON.

const product = (id) => ({
  id,
  name: `Product ${id}`,
  price: (id % 1000) + 0.99,
  inStock: id % 3 !== 0,
  tags: ['new', `shelf-${id % 16}`],
});

module.exports = (id) => ({
  page: id,
  products: Array.from({ length: 44 }, (_, n) => product(44 * id + n)),
});
