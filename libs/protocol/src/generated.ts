import './protobuf-numbers.ts';

/** The generated code. Loaded here only, behind what it looks at. A program that imports nothing of it does not have it in its bundle. */
export { cim } from './generated/cim.js';
