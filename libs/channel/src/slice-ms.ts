/** Work for many channels goes on in a later pass of the event loop after this time [ms]. */
export const SLICE_MS = 10;
