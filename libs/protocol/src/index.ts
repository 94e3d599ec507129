/** The wire: messages, frames, codes, close reasons, ids. Nothing here does I/O. */
export { cim } from './generated.ts';
export * as wire from './client-frames.ts';
export {
  decodeServerFrame,
  encodeClientFrame,
  type Content,
  decodeContent,
  encodeContent,
} from './client-frames.ts';
export * from './close-reasons.ts';
export * from './codes.ts';
export * from './content-types.ts';
export * from './decode-frame.ts';
export * from './entry-bytes.ts';
export * from './frame-codec.ts';
export * from './ids.ts';
export * from './names.ts';
export * from './wire-writer.ts';
export * from './wire-reader.ts';
