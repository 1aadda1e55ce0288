// Lines in the run's log.

/** Where lines go: to the terminal natively, to the host in a component. */
let write = (level, message) => console.error(`${level}: ${message}`);
let tell = (message) => console.error(message);

/** Sends lines and progress to the host; the component's entry calls it. */
export function toHost(host) {
  write = (level, message, fields) => host.log(level, message, fields);
  tell = (message) => host.progress(message);
}

const line = (level) => (message, fields = {}) =>
  write(level, String(message), Object.entries(fields).map(([name, value]) => [name, String(value)]));

/** Of use to the plugin's author. @type {(message: string, fields?: Record<string, unknown>) => void} */
export const debug = line('debug');
/** Of use to whoever reads the run's log. @type {(message: string, fields?: Record<string, unknown>) => void} */
export const info = line('info');
/** Something is not as it should be. @type {(message: string, fields?: Record<string, unknown>) => void} */
export const warn = line('warn');
/** Something failed. @type {(message: string, fields?: Record<string, unknown>) => void} */
export const error = line('error');
/** Tells people how far a long call got; shown, not kept. */
export const progress = (message) => tell(String(message));
