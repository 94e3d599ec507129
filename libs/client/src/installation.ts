import type { cim, NamedUser } from '@cim/protocol';
import type { Logger } from '@cim/runtime';
import type { Emitter } from './emitter.ts';
import type { ClientEvents } from './events.ts';
import { Inbound } from './inbound.ts';
import type { Link, LinkParts } from './link.ts';
import type { Offers } from './offers.ts';
import { ProducerIds } from './producer-ids.ts';
import { Sending } from './sending.ts';
import { tellSignal } from './signals.ts';
import type { ClientState, ProcessedRecord, SavedState } from './state.ts';

/** What an installation needs from the client around it. */
export interface InstallationParts {
  readonly me: NamedUser;
  readonly state: ClientState;
  readonly events: Emitter<ClientEvents>;
  readonly offers: Offers;
  readonly logger: Logger;
  /** Sends that may be unanswered. */
  readonly capacity: number;
  /** The session secret, to be saved. */
  secret(): string;
  /** The one that is ready. */
  link(): Link | undefined;
  /** 0 to 1; for jitter. */
  random(): number;
  /** Monotonic, ms. */
  now(): number;
  /** ms since 1970. */
  time(): number;
}

/** What is stored is saved so long after, ms: with what comes meanwhile. */
const SAVE_DELAY_MS = 1_000;
/** Producer ids of before there were device ids, of those that are saved. */
const OTHER_PRODUCERS = 64;

/**
 * What this installation has of its user: streams that come in, sends that go out, and the ids under which it sends.
 * Made once it is known as which user; it outlives connections, and its state outlives the process.
 */
export class Installation {
  readonly me: NamedUser;
  readonly inbound: Inbound;
  readonly sending: Sending;
  readonly #producers: ProducerIds;
  readonly #parts: InstallationParts;
  #saving: NodeJS.Timeout | undefined;
  #saveFailed = false;
  /** Messages were processed since the last save, by a state that cannot note them one by one. */
  #unsaved = false;
  #ended = false;

  /** @param saved by the process before, if anything */
  constructor(parts: InstallationParts, saved: SavedState | undefined) {
    const { me, state, events, logger } = parts;
    this.#parts = parts;
    this.me = me;
    this.inbound = this.#createInbound(saved);
    const left = state.sends?.open(me.userId) ?? [];
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
      now: () => parts.now(),
      time: () => parts.time(),
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

  /** What this installation has to do with a link, once it is ready and before. */
  linkParts() {
    const { inbound, sending } = this;
    return {
      resume: () => inbound.resume(),
      ackNow: () => inbound.flush(),
      waitingSince: () => sending.oldestWritten(),
      onResumed: (resumed: cim.Resumed) => inbound.onResumed(resumed),
      onDeliver: (deliver: cim.Deliver) => inbound.onDeliver(deliver),
      onReceipt: (receipt: cim.Receipt) => {
        // First: whoever is told of the receipt may close the client, and the state has its cursor.
        inbound.onReceipt(receipt);
        sending.onReceipt(receipt);
      },
      onDelivered: (delivered: cim.Delivered) => sending.onDelivered(delivered),
      onCounters: (counters: cim.Counters) => sending.onCounters(counters),
      onFound: (found: cim.Found) => sending.onFound(found),
      onSignal: (signal: cim.Signal) => tellSignal(this.#parts.events, this.me.userId, signal),
      onDrain: () => sending.onDrain(),
    } satisfies Partial<LinkParts>;
  }

  /** The client ends: nothing more is shown or sent. What is at work may still be noted as processed. */
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
      show: (event) => offers.offer(event),
      skipped: (event) => events.emit('skipped', event),
      isOwn: (producer) => this.#producers.isOwn(producer),
      processed: (record) => this.#onProcessed(record),
      keep: () => {
        if (this.#unsaved) this.#save();
      },
      moved: () => this.#save(),
      ack: (ack) => parts.link()?.ack(ack),
      unreadable: (stream, seq) => logger.warn({ stream, seq }, 'client.unreadable-entry'),
    });
  }

  #onProcessed(record: ProcessedRecord): void {
    const { state } = this.#parts;
    if (state.processed !== undefined) this.#try(() => state.processed?.(record));
    else if (!this.#unsaved) {
      this.#unsaved = true;
      queueMicrotask(() => {
        if (this.#unsaved) this.#save();
      });
    }
  }

  #saveSoon(): void {
    if (this.#ended) return;
    this.#saving ??= setTimeout(() => this.#save(), SAVE_DELAY_MS);
  }

  #save(): void {
    clearTimeout(this.#saving);
    this.#saving = undefined;
    this.#unsaved = false;
    const { me, state } = this.#parts;
    this.#try(() =>
      state.save({
        userId: me.userId,
        session: this.#parts.secret(),
        device: this.device,
        producers: this.#producers.others(OTHER_PRODUCERS),
        stored: this.sending.stored(),
        ...this.inbound.saved(),
      }),
    );
  }

  /** Writes to the state. Tells a failure once until it works again: it is tried several times a second. */
  #try(write: () => void): void {
    try {
      write();
      this.#saveFailed = false;
    } catch (error) {
      if (!this.#saveFailed) this.#parts.events.emit('error', { error, where: 'state' });
      this.#saveFailed = true;
    }
  }
}
