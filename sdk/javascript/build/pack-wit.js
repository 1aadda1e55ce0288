// Puts the contract into the package, before it is packed: `npm pack` runs this.

import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { SDK } from './bundle.js';

const inside = path.join(SDK, 'wit');
await rm(inside, { recursive: true, force: true });
await cp(path.join(SDK, '../../wit/since-v0.1'), inside, { recursive: true });
