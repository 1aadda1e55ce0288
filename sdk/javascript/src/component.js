// What a component exports: the build's entry calls this with the author's class.

import { Check, checkExports } from './check.js';
import { Destination, destinationExports } from './destination.js';
import { Fault } from './fault.js';
import { toHost } from './log.js';
import { Sensor, sensorExports } from './sensor.js';
import { Source, sourceExports } from './source.js';
import { Transform, transformExports } from './transform.js';

/** Each role: the class to extend, and what the component exports of it. */
const ROLES = {
  transform: { Base: Transform, exports: transformExports },
  source: { Base: Source, exports: sourceExports },
  destination: { Base: Destination, exports: destinationExports },
  check: { Base: Check, exports: checkExports },
  sensor: { Base: Sensor, exports: sensorExports },
};

/** The role that a class has by what it extends. */
export function roleOf(Author) {
  const role = Object.keys(ROLES).find((name) => typeof Author === 'function' && Author.prototype instanceof ROLES[name].Base);
  if (role === undefined) {
    throw Fault.fatal(`the module's default export must be a class that extends ${Object.values(ROLES).map(({ Base }) => Base.name).join(', ')}`);
  }
  return role;
}

/** The exports of the component: the interface `configuration`, and that of the role. */
export function componentExports(Author, host) {
  toHost(host);
  return {
    configuration: { schema: () => JSON.stringify(Author.configSchema) },
    role: ROLES[roleOf(Author)].exports(Author),
  };
}
