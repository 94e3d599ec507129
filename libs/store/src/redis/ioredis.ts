/**
 * Imports the driver and undoes a slowdown that it causes. The driver derives a class from `String`. After
 * that V8 keeps the methods of all strings in a dictionary, where optimized code does not find them: every
 * `text.charCodeAt` of the process takes seven times as long. V8 repairs such an object after enough loads
 * through it, but a plain string is no object and never causes the repair. The loop below loads through an
 * object of the class instead.
 */
const LOADS = 100;

const firstOf = (text: string): number => text.charCodeAt(0);

for (let i = 0; i < LOADS; i++) firstOf(Object(' ') as string);

export { Cluster, Redis } from 'ioredis';
