/** The wire: messages, frames, codes, close reasons, ids. Nothing here does I/O. */
import './protobuf-numbers.ts';

export { cim } from './generated/cim.js';
export * from './close-reasons.ts';
export * from './codes.ts';
export * from './deliver-frame.ts';
export * from './entry-bytes.ts';
export * from './frame-codec.ts';
export * from './ids.ts';
export * from './names.ts';
export * from './texts.ts';
export * from './ticket.ts';
