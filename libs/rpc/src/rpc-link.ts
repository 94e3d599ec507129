/** The calling side's one connection to one server: made on demand, kept, remade after a failure. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { Channel, type TimingWheel, type TurnFlusher, type WheelEntry } from '@cim/channel';
import { type CloseReason, cim, encodeFrame, FRAME_LIMITS } from '@cim/protocol';
import { Backoff, type Logger } from '@cim/runtime';
import { newNonce, prove, sameProof, UPGRADE_PROTOCOL } from './handshake.ts';
import { RPC, type RpcAddress } from './outcome.ts';
import { type Done, PendingCalls } from './pending-calls.ts';

const CONNECT_MS = 2_000;
/** With calls outstanding and nothing heard for this long the server is frozen or gone. */
const SILENCE_MS = 3_000;
const SWEEP_MS = 250;
const PENDING_CALLS = 65_536;
const OUTBOX_BYTES = 16 * 1024 * 1024;

export interface RpcClientParts {
  readonly secret: string;
  readonly flusher: TurnFlusher;
  readonly wheel: TimingWheel;
  readonly logger: Logger;
  readonly random?: () => number;
}

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly request: ClientRequest }
  | { readonly name: 'open'; readonly channel: Channel }
  /** Calls fail at once until then. */
  | { readonly name: 'down'; readonly until: number; readonly why: string }
  | { readonly name: 'stopped' };

export class RpcLink implements WheelEntry {
  readonly #address: RpcAddress;
  readonly #parts: RpcClientParts;
  readonly #pending = new PendingCalls();
  readonly #backoff: Backoff;
  #state: State = { name: 'idle' };
  /** Encoded calls that wait for the first connection. */
  #unsent: Uint8Array[] = [];
  #oldestUnanswered = 0;

  constructor(address: RpcAddress, parts: RpcClientParts) {
    this.#address = address;
    this.#parts = parts;
    this.#backoff = new Backoff(200, 3_000, parts.random);
  }

  call(method: number, payload: Uint8Array, timeoutMs: number, done: Done): void {
    const now = performance.now();
    if (this.#state.name === 'stopped') return done({ ok: false, kind: 'down', message: 'this side has stopped' });
    if (this.#state.name === 'down' && now < this.#state.until)
      return done({ ok: false, kind: 'down', message: this.#state.why });
    if (this.#pending.size >= PENDING_CALLS)
      return done({ ok: false, kind: 'down', message: 'too many calls wait for an answer' });
    if (this.#pending.size === 0) {
      this.#oldestUnanswered = now;
      this.#parts.wheel.schedule(this, SWEEP_MS);
    }
    const call = this.#pending.add(now + timeoutMs, done);
    const frame = encodeFrame(cim.RpcFrame, { call, method, payload });
    if (this.#state.name === 'open') this.#state.channel.send(frame);
    else {
      this.#unsent.push(frame);
      if (this.#state.name !== 'connecting') this.#connect();
    }
  }

  /** The sweep: deadlines, and a server that has gone silent. */
  onTimeout(): void {
    const now = performance.now();
    this.#pending.expire(now);
    if (this.#state.name === 'open') {
      const { channel } = this.#state;
      const heard = Math.max(channel.lastHeard, this.#oldestUnanswered);
      if (this.#pending.size > 0 && now - heard > SILENCE_MS) return channel.close('idle');
    }
    if (this.#pending.size > 0) this.#parts.wheel.schedule(this, SWEEP_MS);
  }

  /** Ends what is under way as `closed`. Idempotent. */
  stop(): void {
    const before = this.#state;
    this.#state = { name: 'stopped' };
    if (before.name === 'open') before.channel.close('closed');
    else if (before.name === 'connecting') before.request.destroy();
    this.#parts.wheel.cancel(this);
    this.#pending.endAll({ ok: false, kind: 'closed', message: 'this side has stopped' });
    this.#unsent = [];
  }

  #connect(): void {
    const { host, httpPort } = this.#address;
    const nonce = newNonce();
    const connecting = request({
      host,
      port: httpPort,
      path: '/rpc',
      agent: false,
      headers: { connection: 'Upgrade', upgrade: UPGRADE_PROTOCOL, 'x-cim-nonce': nonce },
    });
    this.#state = { name: 'connecting', request: connecting };
    connecting.setTimeout(CONNECT_MS, () => connecting.destroy(new Error('no answer to the handshake')));
    connecting.on('error', (error: NodeJS.ErrnoException) => this.#failed(connecting, error.code ?? error.message));
    connecting.on('response', (response: IncomingMessage) => {
      response.resume();
      this.#failed(connecting, `it answered HTTP ${response.statusCode ?? '?'}, not an upgrade`);
      connecting.destroy();
    });
    connecting.on('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (this.#state.name !== 'connecting' || this.#state.request !== connecting) return void socket.destroy();
      connecting.setTimeout(0);
      const theirs = String(response.headers['x-cim-nonce'] ?? '');
      const { secret, logger } = this.#parts;
      if (!sameProof(String(response.headers['x-cim-proof'] ?? ''), prove(secret, 'server', nonce, theirs))) {
        logger.warn({ host, httpPort }, 'rpc.refused: the cluster secrets differ');
        socket.destroy();
        return this.#failed(connecting, 'the cluster secrets differ');
      }
      this.#open(socket, head, prove(secret, 'caller', nonce, theirs));
    });
    connecting.end();
  }

  #open(socket: Duplex, head: Buffer, proof: string): void {
    const channel: Channel = new Channel(socket, {
      limit: FRAME_LIMITS.betweenServers,
      flusher: this.#parts.flusher,
      events: {
        onFrame: (body) => this.#onReply(body),
        onClose: (reason, detail) => this.#onClose(channel, reason, detail),
      },
      outboxSoftBytes: OUTBOX_BYTES,
      outboxHardBytes: OUTBOX_BYTES,
    });
    this.#state = { name: 'open', channel };
    channel.send(Buffer.concat([Buffer.from([proof.length]), Buffer.from(proof, 'latin1')]));
    for (const frame of this.#unsent) channel.send(frame);
    this.#unsent = [];
    if (head.length > 0) socket.unshift(head);
  }

  #onReply(body: Uint8Array): void {
    const { call, status, payload } = cim.RpcFrame.decode(body);
    // Only an answer shows that the secret was accepted.
    this.#backoff.reset();
    if (status === cim.RpcStatus.OK) this.#pending.end(call, { ok: true, payload });
    else this.#pending.end(call, { ok: false, kind: 'failed', message: cim.Error.decode(payload).text });
  }

  #onClose(channel: Channel, reason: CloseReason, detail: string | undefined): void {
    if (this.#state.name !== 'open' || this.#state.channel !== channel) return;
    this.#down(`the connection ended: ${detail ?? reason}`, 'closed');
  }

  #failed(connecting: ClientRequest, why: string): void {
    if (this.#state.name !== 'connecting' || this.#state.request !== connecting) return;
    this.#down(why, 'down');
  }

  #down(why: string, kind: 'down' | 'closed'): void {
    const { host, httpPort } = this.#address;
    this.#parts.logger.debug({ host, httpPort, why }, 'rpc.down');
    this.#state = { name: 'down', until: performance.now() + this.#backoff.next(), why };
    this.#unsent = [];
    this.#parts.wheel.cancel(this);
    this.#pending.endAll({ ok: false, kind, message: why });
  }

  /** Keeps an idle link's death from costing the next call its time; see `RpcClient`. */
  ping(): void {
    if (this.#state.name === 'open') this.call(RPC.ping, new Uint8Array(), SILENCE_MS, () => {});
  }
}
