import type { CloseReason } from '@cim/protocol';

/**
 * A duplex stream of bytes as a channel uses it. `net.Socket` and any `Duplex` are one; `WebSocketStream`
 * makes one of a WebSocket.
 */
export interface ByteStream {
  readonly closed: boolean;
  readonly destroyed: boolean;
  readonly writable: boolean;
  /** Bytes that the kernel has not taken yet. */
  readonly writableLength: number;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;

  on(event: 'data', listener: (this: never, chunk: Buffer) => void): unknown;
  on(event: 'error', listener: (this: never, error: NodeJS.ErrnoException) => void): unknown;
  on(event: 'end' | 'close', listener: (this: never) => void): unknown;
  /** @param taken called when the kernel has taken the bytes, or with an error */
  write(bytes: Uint8Array, taken?: (error?: Error | null) => void): boolean;
  pause(): unknown;
  resume(): unknown;
  end(): unknown;
  destroy(): unknown;
  setNoDelay?(on: boolean): unknown;
  /** Ends like `end`, and tells the other side the reason where the transport can carry one. */
  endWith?(reason: CloseReason): void;
  /** Asks the other side for a sign of life below the frames. Its answer counts as heard. */
  probe?(): void;
}
