/** Accounts, sessions and streams: the ports, and their adapters for Redis and for one machine (LevelDB). */
export * from './accounts.ts';
export * from './sessions.ts';
export * from './store.ts';
export * from './streams.ts';
// adapters:
//   openRedisStore(options: { url: string; durability: 'disk' | 'quorum' | 'fast'; logger: Logger }): Promise<Store>
//   openEmbeddedStore(options: { dir: string; logger: Logger }): Promise<Store>
