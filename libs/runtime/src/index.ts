/** What every process needs and no other lib should write again: config, log, metrics, backoff, signals. */
export * from './backoff.ts';
export * from './cluster-key.ts';
export * from './config.ts';
export * from './known-host.ts';
export * from './logger.ts';
export * from './loop-watch.ts';
export * from './metrics.ts';
export * from './open-files.ts';
export * from './private-files.ts';
export * from './process.ts';
export * from './random-text.ts';
export * from './rare-warning.ts';
export * from './redaction.ts';
export * from './settings.ts';
export * from './slice.ts';
