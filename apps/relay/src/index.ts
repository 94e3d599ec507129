/** Exports the relay for standalone, which runs it on the embedded store. */
export * from './compose.ts';
