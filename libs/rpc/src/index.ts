/** Calls between servers over lasting, authenticated connections. */
export * from './outcome.ts';
export * from './rpc-client.ts';
export { RpcServer, type RpcHandler, type RpcServerParts } from './rpc-server.ts';
