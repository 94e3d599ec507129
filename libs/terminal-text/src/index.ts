/** Texts of strangers in a terminal: made harmless, and measured in columns. */
export { cleanLine, cleanLines } from './sanitize.ts';
export { type Cluster, clustersOf, cut, widthOf } from './width.ts';
