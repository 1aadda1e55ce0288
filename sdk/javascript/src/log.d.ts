type Line = (message: string, fields?: Record<string, unknown>) => void;
/** Of use to the plugin's author. */
export const debug: Line;
/** Of use to whoever reads the run's log. */
export const info: Line;
/** Something is not as it should be. */
export const warn: Line;
/** Something failed. */
export const error: Line;
/** Tells people how far a long call got; shown, not kept. */
export function progress(message: string): void;
