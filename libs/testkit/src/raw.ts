/** Clients and bytes that share no code with the product: what an author of another program would have. */
export * from './cim-client.ts';
export * from './raw-connection.ts';
export * from './raw-protobuf.ts';
