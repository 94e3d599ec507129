/** The wire: messages, frames, codes, close reasons, ids. Nothing here does I/O. */
import './protobuf-numbers.ts';

export { cim } from './generated/cim.js';
export * from './close-reasons.ts';
export * from './codes.ts';
export * from './content-types.ts';
export * from './decode-frame.ts';
export * from './entry-bytes.ts';
export * from './frame-codec.ts';
export * from './ids.ts';
export * from './names.ts';
export * from './ticket.ts';
export * from './wire-writer.ts';
export * from './wire-reader.ts';
