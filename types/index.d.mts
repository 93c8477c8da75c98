export * from '../index.js';

import * as ralloc from '../index.js';

export default ralloc;
