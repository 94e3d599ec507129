import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/**
 * The part of a WebSocket that reads frames. It is not in the public interface of `ws`; our version of `ws`
 * is pinned.
 */
interface Receiver extends Writable {
  /** Whether a frame was not valid. Bytes behind such a frame mean nothing. */
  readonly _errored: boolean;
}

/**
 * `ws` 8.23.0 goes on reading behind a frame that is not valid when more pieces of the stream wait already,
 * and then throws a TypeError that nobody can catch. This function drops those pieces; the connection ends by
 * the first error.
 */
export function endAtError(webSocket: WebSocket): void {
  const { _receiver: receiver } = webSocket as unknown as { readonly _receiver: Receiver };
  const write = receiver._write.bind(receiver);
  receiver._write = (piece, encoding, done) => {
    if (receiver._errored) done();
    else write(piece, encoding, done);
  };
}
