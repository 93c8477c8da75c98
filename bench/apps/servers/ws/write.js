/** What a frame has in it: whose it is, all over. */
module.exports = (frame, id) => frame.fill(`frame ${id}, `);
