/** Parts that only tests use: real services, clusters of real processes, a real terminal. */
export * from './certificates.ts';
export * from './chromium.ts';
export * from './cluster.ts';
export * from './free-ports.ts';
export * from './hostile-texts.ts';
export * from './longest-turn.ts';
export * from './own-network.ts';
export * from './parts.ts';
export * from './proxy-process.ts';
export * from './quiet-doorbell.ts';
export * from './raw.ts';
export * from './redis-process.ts';
export * from './redis-sentinel.ts';
export * from './server-process.ts';
export * from './terminal.ts';
export * from './until.ts';
export * from './zookeeper-process.ts';
export { endWithUs } from './own-processes.ts';
