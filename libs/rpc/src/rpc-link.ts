import type { WheelEntry } from '@cim/channel';
import { cim, FRAME_LIMITS, rpcFrame } from '@cim/protocol';
import { Backoff } from '@cim/runtime';
import { RPC, rpcMethod } from './methods.ts';
import type { RpcOutcome } from './outcome.ts';
import {
  OUTBOX_BYTES,
  RPC_TIMES,
  type RpcAddress,
  type RpcClientParts,
  type RpcLinkState,
  type RpcTimes,
} from './peer.ts';
import { type Done, type PendingCall, type PendingCallEvents, PendingCalls } from './pending-calls.ts';
import { RpcConnection, type RpcConnectionEvents } from './rpc-connection.ts';

const PENDING_CALLS = 65_536;
/** Bytes that a frame may need beside its payload. */
const FRAME_EXTRA_BYTES = 64;
const WATCH_MS = 1_000;
/** Call 0 is the ping. Its answer ends no call; it only shows that the server is alive. */
const PING = rpcFrame(0, cim.RpcStatus.REQUEST, RPC.ping);

type State =
  | { readonly name: 'idle' }
  | { readonly name: 'connecting'; readonly connection: RpcConnection; readonly since: number }
  | { readonly name: 'open'; readonly connection: RpcConnection }
  | { readonly name: 'down'; readonly until: number; readonly why: string }
  | { readonly name: 'stopped' };

/** All calls to one server. The link opens a connection on demand, keeps it, watches it, and opens it again after a failure. */
export class RpcLink implements RpcConnectionEvents, PendingCallEvents, WheelEntry {
  readonly #address: RpcAddress;
  readonly #parts: RpcClientParts;
  readonly #times: RpcTimes;
  readonly #onGone: () => void;
  readonly #pending: PendingCalls;
  readonly #backoff: Backoff;
  #state: State = { name: 'idle' };
  #unsentBytes = 0;
  /** Whether the newest attempt failed. */
  #failing = false;
  /** Whether the secrets differ and the log already says so. */
  #saidSecretsDiffer = false;
  #retired = false;
  #lastCall = 0;
  /** Time of the first call or ping since the server was last heard. */
  #asked = 0;
  #pinged = 0;
  /** Resolves when the connection of a stopped link is closed. */
  #gone = Promise.resolve();

  /** @param onGone called when the link has stopped and its connection is closed; an unused link stops by itself */
  constructor(address: RpcAddress, parts: RpcClientParts, onGone: () => void) {
    this.#address = address;
    this.#parts = parts;
    this.#times = { ...RPC_TIMES, ...parts.times };
    this.#onGone = onGone;
    this.#pending = new PendingCalls(parts.wheel, this);
    this.#backoff = new Backoff(...this.#times.backoffMs, parts.random);
    parts.wheel.schedule(this, WATCH_MS);
  }

  /** Returns true when the call was written to an open connection. */
  call(method: number, payload: Uint8Array, timeoutMs: number, done: Done): boolean {
    const now = performance.now();
    const refusal = this.#refusal(payload.length, now);
    if (refusal !== undefined) {
      // In a later turn, like all other outcomes: `done` never runs within `call`.
      queueMicrotask(() => this.#end(done, refusal, method, 0));
      return false;
    }
    this.#lastCall = now;
    const call = this.#pending.add(method, timeoutMs, done);
    const frame = rpcFrame(call.id, cim.RpcStatus.REQUEST, method, payload);
    if (this.#state.name === 'open') {
      this.#send(this.#state.connection, frame, now);
      return true;
    }
    call.unsent = frame;
    this.#unsentBytes += frame.length;
    if (this.#state.name !== 'connecting') this.#connect(now);
    return false;
  }

  /** Whether the link has stopped, by a call or because it was unused. Further calls need another link. */
  get stopped(): boolean {
    return this.#state.name === 'stopped';
  }

  get state(): RpcLinkState {
    return this.#state.name;
  }

  /** Calls that are not answered yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Takes no more calls, and stops when the running calls have ended. */
  retire(): void {
    this.#retired = true;
    if (this.#pending.size === 0) void this.stop();
  }

  /** Ends running calls as `closed`. Resolves when the connection is closed. Idempotent. */
  stop(): Promise<void> {
    const before = this.#state;
    if (before.name === 'stopped') return this.#gone;
    this.#state = { name: 'stopped' };
    this.#parts.wheel.cancel(this);
    if ('connection' in before) this.#gone = before.connection.end('closed');
    this.#pending.endAll('this side has stopped');
    void this.#gone.then(this.#onGone);
    return this.#gone;
  }

  onOpen(): void {
    if (this.#state.name !== 'connecting') return;
    const { connection } = this.#state;
    this.#state = { name: 'open', connection };
    this.#backoff.reset();
    this.#failing = false;
    this.#saidSecretsDiffer = false;
    this.#parts.logger.debug({ ...this.#address }, 'rpc.connected');
    const now = performance.now();
    for (const call of this.#pending.all()) {
      if (call.unsent === undefined) continue;
      this.#send(connection, call.unsent, now);
      call.unsent = undefined;
    }
    this.#unsentBytes = 0;
  }

  onReply(reply: cim.RpcFrame): void {
    if (reply.status === cim.RpcStatus.OK)
      this.#pending.end(reply.call, { ok: true, payload: reply.payload });
    else this.#pending.end(reply.call, { ok: false, kind: 'failed', message: failureText(reply.payload) });
  }

  onCallEnded(call: PendingCall, outcome: RpcOutcome): void {
    if (call.unsent !== undefined) this.#unsentBytes -= call.unsent.length;
    this.#end(call.done, outcome, call.method, performance.now() - call.begun);
    if (this.#retired && this.#pending.size === 0) void this.stop();
  }

  onEnd(why: string, secretsDiffer: boolean): void {
    this.#down(why, secretsDiffer);
  }

  /** Runs at each tick of the watch: pings a silent server, and gives up one that does not answer. */
  onTimeout(): void {
    const now = this.#parts.wheel.time;
    if (this.#pending.size === 0 && now - this.#lastCall >= this.#times.unusedMs) {
      void this.stop();
      return;
    }
    this.#parts.wheel.schedule(this, WATCH_MS);
    if (this.#state.name !== 'open') return;
    const { connection } = this.#state;
    const waiting = this.#asked > connection.lastHeard;
    if (waiting && now - this.#asked >= this.#times.silenceMs) {
      void connection.end('idle');
      this.#down(`nothing was heard for ${this.#times.silenceMs} ms`, false);
      return;
    }
    // A handler may be slow, but a live server answers a ping at once.
    const quiet = waiting
      ? now - this.#asked >= this.#times.silenceMs / 3
      : now - connection.lastHeard >= this.#times.pingAfterMs;
    if (!quiet || this.#pinged > connection.lastHeard) return;
    this.#pinged = now;
    this.#send(connection, PING, now);
  }

  #refusal(bytes: number, now: number): RpcOutcome | undefined {
    const state = this.#state;
    if (state.name === 'stopped') return down('this side has stopped');
    if (state.name === 'down' && now < state.until) return down(state.why);
    if (state.name === 'connecting' && this.#failing && now - state.since > this.#times.reconnectWaitMs)
      return down('it does not answer');
    if (this.#pending.size >= PENDING_CALLS) return down(`${PENDING_CALLS} calls wait for an answer`);
    const waiting = state.name === 'open' ? state.connection.queuedBytes : this.#unsentBytes;
    if (waiting + bytes > OUTBOX_BYTES) return down(`${waiting} bytes wait to be read`);
    if (bytes + FRAME_EXTRA_BYTES > FRAME_LIMITS.betweenServers)
      return { ok: false, kind: 'failed', message: `a call of ${bytes} bytes is too long` };
    return undefined;
  }

  #send(connection: RpcConnection, frame: Uint8Array, now: number): void {
    if (this.#asked <= connection.lastHeard) this.#asked = now;
    connection.send(frame);
  }

  #connect(now: number): void {
    try {
      const connection = new RpcConnection(this.#address, this.#times.handshakeMs, this.#parts, this);
      this.#state = { name: 'connecting', connection, since: now };
    } catch (error) {
      queueMicrotask(() => this.#down(error instanceof Error ? error.message : String(error), false));
    }
  }

  #down(why: string, secretsDiffer: boolean): void {
    if (this.#state.name === 'stopped') return;
    const { logger } = this.#parts;
    if (secretsDiffer && !this.#saidSecretsDiffer) {
      this.#saidSecretsDiffer = true;
      logger.warn({ ...this.#address, why: 'its CIM_CLUSTER_SECRET is not ours' }, 'rpc.refused');
    } else if (this.#failing) logger.debug({ ...this.#address, why }, 'rpc.down');
    else logger.info({ ...this.#address, why }, 'rpc.down');
    this.#failing = true;
    this.#state = { name: 'down', until: performance.now() + this.#backoff.next(), why };
    this.#pending.endAll(why);
  }

  #end(done: Done, outcome: RpcOutcome, method: number, ms: number): void {
    const name = rpcMethod(method) ?? 'other';
    this.#parts.observer?.rpcCalled(name, outcome.ok ? 'ok' : outcome.kind, ms / 1_000);
    try {
      done(outcome);
    } catch (error) {
      this.#parts.logger.error({ err: error }, 'rpc.unexpected');
    }
  }
}

const down = (message: string): RpcOutcome => ({ ok: false, kind: 'down', message });

function failureText(payload: Uint8Array): string {
  try {
    return cim.Error.decode(payload).text;
  } catch {
    return 'it failed, and does not say why';
  }
}
