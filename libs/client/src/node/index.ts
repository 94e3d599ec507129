/** The client SDK for programs on Node. docs/sdk.md shows how to use it. */
export * from '../index.ts';
export { CimClient, type NodeClientOptions } from './client.ts';
export { type FileState, fileState } from './state-file.ts';
export { tcp } from './tcp.ts';
export type { TlsOptions } from './trust.ts';
export { webSocket } from './web-socket.ts';
