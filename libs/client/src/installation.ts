import type { wire, NamedUser } from '@cim/protocol';
import type { Logger } from './logger.ts';
import type { Emitter } from './emitter.ts';
import type { ClientEvents, StreamEvent } from './events.ts';
import { Inbound } from './inbound.ts';
import type { Link, LinkParts } from './link.ts';
import type { Offers } from './offers.ts';
import { ProducerIds } from './producer-ids.ts';
import { Sending } from './sending.ts';
import { tellSignal } from './signals.ts';
import type { SavedSend } from './send-journal.ts';
import type { ProcessedRecord, SavedState, Storage } from './state.ts';
import type { Cancel, Timers } from './timers.ts';

/** The parts of the client that an installation uses. */
export interface InstallationParts extends Timers {
  readonly me: NamedUser;
  readonly state: Storage;
  readonly events: Emitter<ClientEvents>;
  readonly offers: Offers;
  readonly logger: Logger;
  /** Most unanswered sends. */
  readonly capacity: number;
  /** The session secret, for the saved state. */
  secret(): string;
  /** The connection that is ready. */
  link(): Link | undefined;
  /** Random numbers from 0 to 1, for jitter. */
  random(): number;
}

/** Stored counters are saved this long after a change [ms], with later changes. */
const SAVE_DELAY_MS = 1_000;
/** Most saved producer ids from before there were device ids. */
const OTHER_PRODUCERS = 64;

/**
 * The state of this installation for its user: incoming streams, outgoing sends, and the ids under which it
 * sends. It is made when the user is known. It survives connections, and its saved state survives the
 * process.
 */
export class Installation {
  readonly me: NamedUser;
  readonly inbound: Inbound;
  readonly sending: Sending;
  readonly #producers: ProducerIds;
  readonly #parts: InstallationParts;
  #saving: Cancel | undefined;
  /** The newest write to the state that has not ended. Earlier writes end before it. */
  #writing: Promise<void> | undefined;
  #saveFailed = false;
  /** Whether messages were processed since the last save, with a state that cannot note them one by one. */
  #unsaved = false;
  #ended = false;

  /**
   * @param saved state of the process before, if there is one
   * @param left sends that it has left unanswered
   */
  constructor(parts: InstallationParts, saved: SavedState | undefined, left: readonly SavedSend[]) {
    const { me, state, events, logger } = parts;
    this.#parts = parts;
    this.me = me;
    this.inbound = this.#createInbound(saved);
    const others = left.flatMap(({ producer }) => (producer === '' ? [] : [producer]));
    const producers = new ProducerIds(saved?.device ?? '', [...(saved?.producers ?? []), ...others]);
    this.#producers = producers;
    const ofSending = {
      me: me.userId,
      capacity: parts.capacity,
      logger,
      journal: state.sends,
      newProducer: () => producers.fresh(),
      producerAfter: producers.after.bind(producers),
      random: () => parts.random(),
      ...timersOf(parts),
      storeTime: () => this.inbound.newestStoredAt,
      emit: <K extends keyof ClientEvents>(event: K, value: ClientEvents[K]) => events.emit(event, value),
      changed: () => this.#saveSoon(),
    };
    this.sending = new Sending(ofSending, saved?.stored ?? {}, left);
  }

  /** Id of the device, as the route and the im-server know it. */
  get device(): string {
    return this.#producers.device;
  }

  /** The parts that a connection uses, before and after it is ready. */
  linkParts() {
    const { inbound, sending } = this;
    return {
      resume: () => inbound.resume(),
      ackNow: () => inbound.flush(),
      waitingSince: () => sending.oldestWritten(),
      onResumed: (resumed: wire.Resumed) => inbound.onResumed(resumed),
      onDeliver: (deliver: wire.Deliver) => inbound.onDeliver(deliver),
      onReceipt: (receipt: wire.Receipt) => {
        // Called first: a listener of the receipt may close the client, and the state must have its cursor.
        inbound.onReceipt(receipt);
        sending.onReceipt(receipt);
      },
      onDelivered: (delivered: wire.Delivered) => sending.onDelivered(delivered),
      onCounters: (counters: wire.Counters) => sending.onCounters(counters),
      onFound: (found: wire.Found) => sending.onFound(found),
      onSignal: (signal: wire.Signal) => tellSignal(this.#parts.events, this.me.userId, signal),
      onDrain: () => sending.onDrain(),
    } satisfies Partial<LinkParts>;
  }

  /** Ends: nothing more is shown or sent. Running listeners may still be noted as processed. */
  end(text: string): void {
    this.inbound.end();
    this.#save();
    this.#ended = true;
    this.sending.end(`not answered: ${text}`);
  }

  #createInbound(saved: SavedState | undefined): Inbound {
    const parts = this.#parts;
    const { me, events, offers, logger } = parts;
    return new Inbound(me.userId, saved ?? {}, {
      ...timersOf(parts),
      show: (event) => offers.offer(event),
      skipped: (event) => events.emit('skipped', event),
      isOwn: (producer) => this.#producers.isOwn(producer),
      processed: (record, event) => this.#onProcessed(record, event),
      keep: () => {
        if (this.#unsaved) this.#save();
        return this.#writing;
      },
      moved: () => this.#save(),
      ack: (ack) => parts.link()?.ack(ack),
      unreadable: (stream, seq) => logger.warn({ stream, seq }, 'client.unreadable-entry'),
    });
  }

  #onProcessed(record: ProcessedRecord, event: StreamEvent | undefined): void {
    const { state } = this.#parts;
    if (state.processed !== undefined) this.#try(() => state.processed?.(record, event));
    else if (!this.#unsaved) {
      this.#unsaved = true;
      queueMicrotask(() => {
        if (this.#unsaved) this.#save();
      });
    }
  }

  #saveSoon(): void {
    if (this.#ended) return;
    this.#saving ??= this.#parts.after(SAVE_DELAY_MS, () => this.#save());
  }

  #save(): void {
    this.#saving?.();
    this.#saving = undefined;
    this.#unsaved = false;
    const { me, state } = this.#parts;
    this.#try(() =>
      state.save({
        ...me,
        session: this.#parts.secret(),
        device: this.device,
        producers: this.#producers.others(OTHER_PRODUCERS),
        stored: this.sending.stored(),
        ...this.inbound.saved(),
      }),
    );
  }

  /**
   * Writes to the state. A failure is reported once until a write succeeds, since writes are tried several
   * times a second.
   */
  #try(write: () => Promise<void> | undefined): void {
    try {
      const writing = write();
      if (writing === undefined) this.#saveFailed = false;
      else this.#watch(writing);
    } catch (error) {
      this.#tellFailure(error);
    }
  }

  #watch(writing: Promise<void>): void {
    const watched = writing.then(
      () => {
        this.#saveFailed = false;
        if (this.#writing === watched) this.#writing = undefined;
      },
      (error: unknown) => {
        this.#tellFailure(error);
        if (this.#writing === watched) this.#writing = undefined;
      },
    );
    this.#writing = watched;
  }

  #tellFailure(error: unknown): void {
    if (!this.#saveFailed) this.#parts.events.emit('error', { error, where: 'state' });
    this.#saveFailed = true;
  }
}

const timersOf = (timers: Timers): Timers => ({
  after: (ms, callback) => timers.after(ms, callback),
  now: () => timers.now(),
  time: () => timers.time(),
});
