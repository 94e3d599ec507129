import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { Channel, type ChannelEvents, type WheelEntry } from '@cim/channel';
import { CLOSE_REASONS, type CloseReason, cim, FRAME_LIMITS } from '@cim/protocol';
import { ClusterSecret, type TlsFiles } from '@cim/runtime';
import {
  CALLED_HEADER,
  calledName,
  channelBinding,
  HANDSHAKE_FRAME_BYTES,
  isNonce,
  NONCE_HEADER,
  newNonce,
  proofFrame,
  prove,
  RPC_PATH,
  sameProof,
  UPGRADE_PROTOCOL,
} from './handshake.ts';
import { OUTBOX_BYTES, type RpcAddress, type RpcClientParts } from './peer.ts';

/** Events that a connection reports to its link, never within a method of the connection. None follows `onEnd`. */
export interface RpcConnectionEvents {
  /** Both sides have proven that they know the secret. Calls may be sent now. */
  onOpen(): void;
  onReply(reply: cim.RpcFrame): void;
  /** The connection ended by itself, not by `end`. @param secretsDiffer the operator must correct the configuration */
  onEnd(why: string, secretsDiffer: boolean): void;
}

/** The calling side of one connection: dial, upgrade, proofs, then frames both ways. An ended connection is not used again. */
export class RpcConnection implements ChannelEvents, WheelEntry {
  readonly #parts: RpcClientParts;
  readonly #events: RpcConnectionEvents;
  readonly #request: ClientRequest;
  /** The secret for both proofs. It stays when the process's secret is replaced meanwhile. */
  readonly #secret: string;
  readonly #nonce = newNonce();
  readonly #called: string;
  readonly #tls: TlsFiles | undefined;
  #state: 'dialing' | 'proving' | 'open' | 'ended' = 'dialing';
  #channel: Channel | undefined;
  #serverNonce = '';
  #binding = '';
  #gone = false;
  /** Callbacks of callers that wait until the socket is closed. */
  #waiting: (() => void)[] = [];

  /** @throws {Error} the text is no valid address */
  constructor(address: RpcAddress, handshakeMs: number, parts: RpcClientParts, events: RpcConnectionEvents) {
    this.#parts = parts;
    this.#events = events;
    this.#secret = ClusterSecret.of(parts.secret).current;
    this.#called = calledName(address);
    this.#tls = speaksTls(address, parts.tls) ? parts.tls : undefined;
    this.#request = (this.#tls === undefined ? request : secureRequest)({
      ...tlsOptions(this.#tls),
      host: address.host,
      port: address.httpPort,
      path: RPC_PATH,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: UPGRADE_PROTOCOL,
        [NONCE_HEADER]: this.#nonce,
        [CALLED_HEADER]: this.#called,
      },
    });
    this.#request.on('error', (error: NodeJS.ErrnoException) => this.#fail(whyOf(error, this.#tls)));
    this.#request.on('response', ({ statusCode }: IncomingMessage) => {
      if (statusCode === 421) this.#fail('a server answers there that is announced at another address');
      else if (statusCode === 403) this.#fail('it takes no certificate but those of its CIM_TLS_CA');
      else if (address.tls === 'only' && this.#tls === undefined)
        this.#fail('it takes TLS only; set CIM_TLS_CERT and CIM_TLS_KEY on this server too');
      else this.#fail(`it answered HTTP ${statusCode ?? '?'} instead of taking calls`);
    });
    this.#request.on('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#onUpgrade(response, socket, head),
    );
    this.#request.end();
    parts.wheel.schedule(this, handshakeMs);
  }

  /** Bytes that the kernel has not accepted yet. */
  get queuedBytes(): number {
    return this.#channel?.queuedBytes ?? 0;
  }

  /** Time at which the server was last heard, by performance.now() [ms]. */
  get lastHeard(): number {
    return this.#channel?.lastHeard ?? 0;
  }

  /** Sends a frame. Call it only on an open connection. */
  send(frame: Uint8Array): void {
    this.#channel?.send(frame);
  }

  /** Sends what is queued and ends. Resolves when the socket is closed, in about 1 s at the latest. Idempotent. */
  end(reason: CloseReason): Promise<void> {
    this.#state = 'ended';
    this.#parts.wheel.cancel(this);
    const channel = this.#channel;
    if (channel === undefined) {
      this.#request.destroy();
      return Promise.resolve();
    }
    channel.close(reason);
    if (this.#gone) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  onFrame(body: Uint8Array): void {
    if (this.#state === 'proving') return this.#onProof(body);
    let reply: cim.RpcFrame;
    try {
      reply = cim.RpcFrame.decode(body);
    } catch {
      this.#fail(CLOSE_REASONS['bad-frame'].text, 'bad-frame');
      return;
    }
    if (reply.status === cim.RpcStatus.REQUEST)
      this.#fail(CLOSE_REASONS['protocol-error'].text, 'protocol-error');
    else this.#events.onReply(reply);
  }

  onClose(reason: CloseReason, detail?: string): void {
    this.#gone = true;
    for (const resolve of this.#waiting) resolve();
    this.#fail(detail ?? CLOSE_REASONS[reason].text);
  }

  onUnexpected(error: unknown): void {
    this.#parts.logger.error({ err: error }, 'rpc.unexpected');
  }

  /** Called at the deadline of the handshake. */
  onTimeout(): void {
    this.#fail('no answer to the handshake');
  }

  #onUpgrade(response: IncomingMessage, socket: Duplex, head: Buffer): void {
    const nonce = response.headers[NONCE_HEADER];
    if (this.#state !== 'dialing' || response.headers.upgrade !== UPGRADE_PROTOCOL || !isNonce(nonce)) {
      socket.on('error', () => {});
      socket.destroy();
      this.#fail('it answered the upgrade with another protocol');
      return;
    }
    this.#state = 'proving';
    this.#serverNonce = nonce;
    this.#binding = channelBinding(socket);
    if (head.length > 0) socket.unshift(head);
    this.#channel = new Channel(socket, {
      limit: HANDSHAKE_FRAME_BYTES,
      flusher: this.#parts.flusher,
      events: this,
      outboxSoftBytes: OUTBOX_BYTES,
      // This limit is higher than the link's own, so that the link is the one that refuses.
      outboxHardBytes: 2 * OUTBOX_BYTES,
    });
    this.#channel.send(proofFrame(this.#prove('caller')));
  }

  #onProof(body: Uint8Array): void {
    if (!sameProof(body, this.#prove('server'))) {
      const between = this.#tls === undefined ? '' : ', or somebody is in between who reads along';
      this.#fail(`the cluster secrets differ${between}`, 'unauthorized', true);
      return;
    }
    this.#state = 'open';
    this.#parts.wheel.cancel(this);
    this.#channel?.setLimit(FRAME_LIMITS.betweenServers);
    this.#events.onOpen();
  }

  #prove(side: 'caller' | 'server'): Buffer {
    return prove(this.#secret, side, this.#called, this.#nonce, this.#serverNonce, this.#binding);
  }

  #fail(why: string, reason: CloseReason = 'closed', secretsDiffer = false): void {
    if (this.#state === 'ended') return;
    void this.end(reason);
    this.#events.onEnd(why, secretsDiffer);
  }
}

/** Plain text is for a server without TLS, while this one has a certificate and is told to take plain text beside it. */
const speaksTls = (address: RpcAddress, own: TlsFiles | undefined): boolean =>
  own !== undefined && (address.tls !== undefined || !own.alsoPlain);

/**
 * Without CIM_TLS_CA any certificate will do: the proofs cover the keys of the connection. With it the authority is
 * checked. The name is not: the proofs cover the address that was dialled.
 */
const tlsOptions = (own: TlsFiles | undefined) =>
  own === undefined
    ? {}
    : { ...own.options, rejectUnauthorized: own.checksPeers, checkServerIdentity: () => undefined };

function whyOf(error: NodeJS.ErrnoException, own: TlsFiles | undefined): string {
  const why = error.code ?? error.message;
  if (own === undefined) return why;
  if (/WRONG_VERSION_NUMBER|wrong version number/.test(`${why} ${error.message}`))
    return 'it speaks plain text; set CIM_TLS_CERT and CIM_TLS_KEY there too';
  const isCertificate = /CERT|SIGNATURE/.test(why);
  return isCertificate ? `its certificate is not valid for the authorities in CIM_TLS_CA (${why})` : why;
}
