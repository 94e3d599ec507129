/**
 * Longest time that work for many channels runs in one pass of the event loop [ms]. The rest goes on in a
 * later pass.
 */
export const SLICE_MS = 10;
