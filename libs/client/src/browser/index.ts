/** The client SDK for pages. docs/sdk.md shows how to use it. */
export * from '../index.ts';
export { type BrowserClientOptions, CimClient } from './client.ts';
export type { ReceivedMessage, ReceivedQuery } from './database.ts';
export { webSocket } from './web-socket.ts';
