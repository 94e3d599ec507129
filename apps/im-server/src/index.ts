/** The im-server as a part of another process: standalone builds it on embedded adapters. */
export * from './compose.ts';
export * from './config.ts';
