import type { Duplex } from 'node:stream';
import { Channel, type ChannelEvents, Heartbeat, type WheelEntry } from '@cim/channel';
import { type CloseReason, cim, FRAME_LIMITS, rpcFrame } from '@cim/protocol';
import { ClusterSecret } from '@cim/runtime';
import { HANDSHAKE_FRAME_BYTES, proofFrame, prove, REFUSAL, sameProof } from './handshake.ts';
import { OUTBOX_BYTES } from './peer.ts';
import type { RpcServerParts } from './server-parts.ts';

const HANDSHAKE_MS = 3_000;
/** A connection that is silent for this long is closed [ms]. A caller pings an idle connection every 5 s. */
const IDLE_TIMEOUT_MS = 20_000;

/** Events that a connection reports to its server. */
export interface ServedConnectionEvents {
  onRefused(remote: string): void;
  onCall(call: cim.RpcFrame, connection: ServedConnection): void;
  onGone(connection: ServedConnection): void;
}

/** Values that both proofs cover beside the secret. */
export interface Handshake {
  /** The address of this server, as `calledName` answers. */
  readonly called: string;
  readonly caller: string;
  readonly server: string;
  /** As `channelBinding` answers. */
  readonly binding: string;
}

/** The answering side of one connection. */
export class ServedConnection implements ChannelEvents, WheelEntry {
  readonly #parts: RpcServerParts;
  readonly #handshake: Handshake;
  readonly #events: ServedConnectionEvents;
  readonly #channel: Channel;
  /** The secret that the caller has proven to know. */
  #proven: string | undefined;
  #heartbeat: Heartbeat | undefined;

  constructor(socket: Duplex, handshake: Handshake, parts: RpcServerParts, events: ServedConnectionEvents) {
    this.#parts = parts;
    this.#handshake = handshake;
    this.#events = events;
    this.#channel = new Channel(socket, {
      limit: HANDSHAKE_FRAME_BYTES,
      flusher: parts.flusher,
      events: this,
      outboxSoftBytes: OUTBOX_BYTES,
      outboxHardBytes: OUTBOX_BYTES,
    });
    parts.wheel.schedule(this, HANDSHAKE_MS);
  }

  answer(call: number, status: cim.RpcStatus, payload: Uint8Array): void {
    this.#channel.send(rpcFrame(call, status, 0, payload));
  }

  /** The accepted secrets have changed: closes when the one that the caller has shown is not among them. */
  check(accepted: readonly string[]): void {
    if (this.#proven !== undefined && !accepted.includes(this.#proven)) this.#channel.close('unauthorized');
  }

  close(reason: CloseReason): void {
    this.#channel.close(reason);
  }

  onFrame(body: Uint8Array): void {
    if (this.#proven === undefined) return this.#onProof(body);
    let call: cim.RpcFrame;
    try {
      call = cim.RpcFrame.decode(body);
    } catch {
      this.#channel.close('bad-frame');
      return;
    }
    if (call.status !== cim.RpcStatus.REQUEST) this.#channel.close('protocol-error');
    else this.#events.onCall(call, this);
  }

  onClose(reason: CloseReason, detail?: string): void {
    this.#parts.wheel.cancel(this);
    this.#heartbeat?.stop();
    this.#parts.logger.debug({ remote: this.#channel.remote, reason, detail }, 'rpc.closed');
    this.#events.onGone(this);
  }

  onUnexpected(error: unknown): void {
    this.#parts.logger.error({ err: error }, 'rpc.unexpected');
  }

  /** Called at the deadline of the handshake. */
  onTimeout(): void {
    this.#channel.close('login-timeout');
  }

  #onProof(body: Uint8Array): void {
    const { wheel } = this.#parts;
    const { called, caller, server, binding } = this.#handshake;
    const proven = ClusterSecret.of(this.#parts.secret).accepted.find((secret) =>
      sameProof(body, prove(secret, 'caller', called, caller, server, binding)),
    );
    if (proven === undefined) {
      this.#events.onRefused(this.#channel.remote);
      this.#channel.close('unauthorized', REFUSAL);
      return;
    }
    this.#proven = proven;
    wheel.cancel(this);
    this.#heartbeat = new Heartbeat(this.#channel, wheel, { idleTimeoutMs: IDLE_TIMEOUT_MS });
    this.#channel.setLimit(FRAME_LIMITS.betweenServers);
    // By the secret that the caller uses: it may not have the other one yet.
    this.#channel.send(proofFrame(prove(proven, 'server', called, caller, server, binding)));
  }
}
