import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** The part of a WebSocket that reads frames. It is no public one of `ws`, whose version is pinned. */
interface Receiver extends Writable {
  /** A frame was not valid: nothing behind it means anything. */
  readonly _errored: boolean;
}

/**
 * `ws` 8.23.0 reads on behind a frame that is not valid when further pieces of the stream wait already, and throws a
 * TypeError where nobody can catch it. Those pieces are dropped; the connection ends by the first error.
 */
export function endAtError(webSocket: WebSocket): void {
  const { _receiver: receiver } = webSocket as unknown as { readonly _receiver: Receiver };
  const write = receiver._write.bind(receiver);
  receiver._write = (piece, encoding, done) => {
    if (receiver._errored) done();
    else write(piece, encoding, done);
  };
}
