/** The route as a part of another process: standalone builds it on embedded adapters. */
export * from './compose.ts';
export * from './config.ts';
export type { RouteParts } from './route-parts.ts';
