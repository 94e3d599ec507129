/**
 * The driver. It derives a class from `String`, after which V8 keeps the methods of all texts in a dictionary, where
 * optimized code finds none of them at once: in the whole process every `text.charCodeAt` costs seven times what it did.
 * V8 puts such an object right when a load through it has become warm, but a text by itself is no object, so that this
 * never comes about; it takes one that is.
 */
const LOADS = 100;

const firstOf = (text: string): number => text.charCodeAt(0);

for (let i = 0; i < LOADS; i++) firstOf(Object(' ') as string);

export { Cluster, Redis } from 'ioredis';
