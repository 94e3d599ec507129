/** From a send to the recipient's im-server: append, locate, push. */
export * from './counting.ts';
export * from './dispatcher.ts';
export * from './doorbell.ts';
export { doorbellHandlers } from './doorbell-rpc.ts';
export { forgetLeft } from './forget-left.ts';
export { entryToBytes } from './entry-codec.ts';
