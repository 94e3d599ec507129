/** What only tests use: real services, clusters of real processes, a real terminal. */
export * from './terminal.ts';
