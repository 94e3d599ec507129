/** Calls between servers over lasting, authenticated connections. */
export * from './methods.ts';
export type { RpcOutcome } from './outcome.ts';
export { RPC_LINK_STATES, type RpcLinkState } from './peer.ts';
export type { RpcAddress, RpcClientParts, RpcTimes } from './peer.ts';
export * from './rpc-client.ts';
export { RpcServer } from './rpc-server.ts';
export type { RpcHandler, RpcServerParts } from './server-parts.ts';
