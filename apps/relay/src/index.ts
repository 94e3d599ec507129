/** The relay as a part of another process: standalone builds it on the embedded store. */
export * from './compose.ts';
