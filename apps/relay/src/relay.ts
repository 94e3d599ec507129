/**
 * Reads the feed of events and sends the events to webhooks. Any number of relays share the partitions of the
 * feed. Each partition belongs to one relay at a time, which has its lease. When a relay dies, its leases
 * lapse and the others take its partitions.
 */
import { loggedHost, type Outcall } from '@cim/outcall';
import { type Logger, RareWarning, type RelayObserver } from '@cim/runtime';
import {
  type FeedPartition,
  type FeedRecord,
  kindsFor,
  type Store,
  timeOfRecord,
  type Webhook,
} from '@cim/store';
import { Away } from './away.ts';
import type { DeclaredWebhooks } from './declared.ts';
import { Partition } from './partition.ts';
import { type RetryAfter, retrySchedule } from './retry-schedule.ts';
import { Sender } from './sender.ts';
import { sharesOf } from './shares.ts';

/** How long a lease of a partition lasts without a renewal [ms]. */
const LEASE_MS = 10_000;
/** Time between two renewals of the leases, which also find out which other relays live [ms]. */
const LEASES_EVERY_MS = 2_000;
/** Time between two reads of the list of webhooks [ms]. */
const WEBHOOKS_EVERY_MS = 1_000;
/** Time between two reads of the feed while records come, and while none come [ms]. */
const BUSY_MS = 50;
const IDLE_MS = 200;
/**
 * Most records that a round reads of each partition, and then of each of a few partitions that have more. Redis
 * must send all of them within the time for one answer, also after a receiver was away and every feed is full.
 */
const FEW_RECORDS = 16;
const MORE_RECORDS = 200;
const MORE_PARTITIONS = 16;
/** Time between two searches for records that are too old [ms]. */
const AGES_EVERY_MS = 60_000;
/** How long a stop waits for requests that are under way [ms]. */
const STOP_MS = 5_000;

export interface RelayParts {
  readonly store: Pick<Store, 'feed' | 'webhooks' | 'sessions' | 'groups' | 'onSuccession'>;
  readonly outcall: Pick<Outcall, 'post'>;
  readonly logger: Logger;
  readonly observer: RelayObserver;
  /** Id of this relay. No other process has the same. */
  readonly id: string;
  /** Most records that a partition keeps. */
  readonly most: number;
  /** How long a record is kept that a webhook has not got [ms]. */
  readonly keptMs: number;
  /** ms since 1970. */
  readonly now?: () => number;
  /** Replaces the usual schedule, in tests. */
  readonly retryAfter?: RetryAfter;
  /** Webhooks that a file declares. */
  readonly declared?: Pick<DeclaredWebhooks, 'apply'> | undefined;
  readonly leaseMs?: number;
}

/** The state of a webhook at this relay. */
export interface HookState {
  readonly webhook: Webhook;
  readonly failingSince: number | undefined;
  readonly problem: string | undefined;
  /** Whether the last request has succeeded; false before the first one. */
  readonly works: boolean;
  readonly waiting: number;
  readonly letters: number;
  readonly deadLetters: number;
}

export class Relay {
  readonly #parts: RelayParts;
  readonly #now: () => number;
  readonly #leaseMs: number;
  /** The partitions of which this relay has the lease. */
  readonly #partitions = new Map<FeedPartition, Partition>();
  /** Key: id of a webhook. */
  readonly #senders = new Map<string, Sender>();
  #webhooks: readonly Webhook[] = [];
  /** Revision of the list of webhooks; undefined: the list was not read yet. */
  #revision: number | undefined;
  readonly #failed: RareWarning;
  readonly #away: Away;
  /** Key: id of a webhook. Value: the state that was written to the store last. */
  readonly #noted = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #stopping = false;
  #leasesAt = 0;
  /** Number of rounds in which more partitions had many records than one round reads. */
  #rounds = 0;
  #webhooksAt = 0;
  #agesAt = 0;
  #problem: string | undefined = 'the feed was not read yet';
  /** The store may have lost records, so the relay takes all partitions again. */
  #wentBack = false;
  #changed = false;
  /** Whether a webhook wants to know who is online. */
  #sweepsPresence = false;

  constructor(parts: RelayParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
    this.#leaseMs = parts.leaseMs ?? LEASE_MS;
    this.#failed = new RareWarning(parts.logger, 'relay.store-failed');
    this.#away = new Away(parts.store);
    parts.store.onSuccession(() => (this.#wentBack = true));
  }

  start(): void {
    this.#next(0);
  }

  /** Why the relay cannot work; undefined when it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get partitions(): number {
    return this.#partitions.size;
  }

  get hooks(): readonly HookState[] {
    return this.#webhooks.map((webhook) => {
      const sender = this.#senders.get(webhook.id);
      return {
        ...{ webhook, failingSince: sender?.failingSince, problem: sender?.problem },
        works: sender?.works ?? false,
        ...{ waiting: sender?.waiting ?? 0, ...this.#lettersOf(webhook) },
      };
    });
  }

  #lettersOf({ id }: Webhook): Pick<HookState, 'letters' | 'deadLetters'> {
    let [letters, deadLetters] = [0, 0];
    for (const partition of this.#partitions.values()) {
      const place = partition.placeOf(id);
      letters += place?.letters ?? 0;
      deadLetters += place?.deadLetters ?? 0;
    }
    return { letters, deadLetters };
  }

  /** Waits for the requests under way, writes their results, and gives up the partitions. Idempotent. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#timer);
    await this.#round;
    for (const sender of this.#senders.values()) sender.stop();
    const until = performance.now() + STOP_MS;
    const isUnderWay = (): boolean => [...this.#senders.values()].some(({ requests }) => requests > 0);
    while (isUnderWay() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    try {
      await this.#commit();
      await this.#parts.store.feed.release([...this.#partitions.keys()], this.#parts.id);
      await this.#parts.store.feed.withdraw(this.#parts.id);
    } catch (error) {
      // The leases lapse by themselves.
      this.#failed.due({ err: error });
    }
  }

  #next(ms: number): void {
    if (this.#stopping) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#go().then((ms) => this.#next(ms));
    }, ms);
  }

  /** One round. Answers when the next one is due [ms]. */
  async #go(): Promise<number> {
    try {
      const now = performance.now();
      if (this.#wentBack) this.#dropAll();
      if (now >= this.#webhooksAt) {
        this.#webhooksAt = now + WEBHOOKS_EVERY_MS;
        await this.#lookAtWebhooks();
      }
      // Without the list every cursor would seem to belong to a removed webhook.
      if (this.#revision === undefined) return IDLE_MS;
      if (now >= this.#leasesAt) {
        this.#leasesAt = now + LEASES_EVERY_MS;
        await this.#lookAtLeases();
      }
      const found = await this.#read();
      if (now >= this.#agesAt) {
        this.#agesAt = now + AGES_EVERY_MS;
        await this.#removeOld();
      }
      const changed = this.#changed;
      this.#changed = false;
      if (changed || found) await this.#commit();
      this.#problem = undefined;
      return found || changed ? BUSY_MS : IDLE_MS;
    } catch (error) {
      this.#changed = true;
      this.#problem = error instanceof Error ? error.message : String(error);
      this.#failed.due({ err: error });
      return IDLE_MS;
    }
  }

  async #lookAtWebhooks(): Promise<void> {
    await this.#parts.declared?.apply();
    for (const partition of this.#partitions.values()) partition.beforeList();
    const { revision, items } = await this.#parts.store.webhooks.list();
    await this.#noteHealth();
    if (revision !== this.#revision) await this.#takeWebhooks(revision, items);
    for (const partition of this.#partitions.values()) partition.afterList();
    // Records may be trimmed now that were kept until the list was read.
    this.#changed = true;
  }

  async #takeWebhooks(revision: number, items: readonly Webhook[]): Promise<void> {
    const { store, most } = this.#parts;
    const kinds = kindsFor(items);
    await store.feed.record({ revision, kinds, most });
    this.#sweepsPresence = kinds.includes('presence');
    const ids = new Set(items.map(({ id }) => id));
    for (const [id, sender] of this.#senders) {
      if (ids.has(id)) continue;
      sender.stop();
      this.#senders.delete(id);
      this.#noted.delete(id);
    }
    for (const webhook of items) {
      const sender = this.#senders.get(webhook.id);
      if (sender === undefined) this.#senders.set(webhook.id, this.#newSender(webhook));
      else sender.webhook = webhook;
      if (webhook.off !== undefined) this.#senders.get(webhook.id)?.turnOff(webhook.off);
    }
    this.#webhooks = items;
    for (const partition of this.#partitions.values()) partition.setWebhooks(items);
    this.#revision = revision;
  }

  #newSender(webhook: Webhook): Sender {
    const { outcall, observer, retryAfter = retrySchedule() } = this.#parts;
    return new Sender(webhook, {
      ...{ outcall, now: this.#now, retryAfter },
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return { cancel: () => clearTimeout(timer) };
      },
      gone: (of, problem) => void this.#turnOff(of, problem),
      observe: (outcome, seconds, events) => observer.webhookCalled(outcome, seconds, events),
    });
  }

  /** Turns a webhook off whose receiver has answered HTTP 410. */
  async #turnOff(webhook: Webhook, problem: string): Promise<void> {
    const { store, logger } = this.#parts;
    const off = `${problem}: the receiver says that it is gone for good`;
    try {
      const answer = await store.webhooks.put({ ...webhook, version: webhook.version + 1, off });
      if (answer === 'ok')
        logger.warn({ webhook: webhook.id, host: loggedHost(webhook.url), problem }, 'webhook.off');
      this.#webhooksAt = 0;
    } catch (error) {
      // The next request finds out again.
      this.#failed.due({ err: error });
    }
  }

  async #noteHealth(): Promise<void> {
    for (const { webhook, failingSince, problem, works } of this.hooks) {
      const before = this.#noted.get(webhook.id);
      const text = `${failingSince ?? ''} ${problem ?? ''}`;
      // The first success is noted too: a relay that runs no more may have noted that the webhook fails.
      if (before === text || (before === undefined && failingSince === undefined && !works)) continue;
      const health = {
        ...(failingSince === undefined ? {} : { failingSince }),
        ...(problem === undefined ? {} : { problem }),
      };
      await this.#parts.store.webhooks.note(webhook.id, { ...health, notedAt: this.#now() });
      if (failingSince !== undefined && before?.startsWith(String(failingSince)) !== true)
        this.#parts.logger.warn(
          { webhook: webhook.id, host: loggedHost(webhook.url), problem },
          'webhook.failing',
        );
      if (failingSince === undefined && before !== undefined)
        this.#parts.logger.info({ webhook: webhook.id, host: loggedHost(webhook.url) }, 'webhook.back');
      this.#noted.set(webhook.id, text);
    }
  }

  async #lookAtLeases(): Promise<void> {
    const { feed } = this.#parts.store;
    const { id } = this.#parts;
    const relays = await feed.announce(id, this.#leaseMs);
    const own = sharesOf(feed.partitions, relays, id);
    const shares = new Set(own);
    const held = [...this.#partitions.keys()];
    const given = held.filter((partition) => !shares.has(partition));
    if (given.length > 0) {
      await this.#commit();
      for (const partition of given) this.#drop(partition);
      await feed.release(given, id);
    }
    const kept = held.filter((partition) => shares.has(partition));
    const looks = await feed.renew(kept, id, this.#leaseMs);
    const changed = kept.filter((partition, i) => {
      const look = looks[i];
      if (look === undefined) this.#drop(partition);
      return look !== undefined && look !== this.#partitions.get(partition)?.look;
    });
    const wanted = [...own.filter((partition) => !this.#partitions.has(partition)), ...changed];
    const states = await feed.take(wanted, id, this.#leaseMs);
    // A webhook that has a cursor here is in the list by now, or was removed.
    if (wanted.length > changed.length) await this.#lookAtWebhooks();
    for (const [i, partition] of wanted.entries()) {
      const state = states[i];
      if (state === undefined) continue;
      const before = this.#partitions.get(partition);
      if (before !== undefined) before.lookAt(state);
      else this.#add(partition, new Partition(partition, state, this.#partitionParts));
    }
    if (this.#sweepsPresence) await feed.sweepPresence([...this.#partitions.keys()]);
  }

  #add(id: FeedPartition, partition: Partition): void {
    this.#partitions.set(id, partition);
    partition.setWebhooks(this.#webhooks);
    this.#changed = true;
  }

  get #partitionParts() {
    const { store, logger, observer, id } = this.#parts;
    return {
      ...{ feed: store.feed, relay: id },
      placeParts: (webhook: Webhook) => {
        const sender = this.#senders.get(webhook.id);
        if (sender === undefined) throw new Error(`the webhook ${webhook.id} has no sender`);
        return {
          ...{ sender, now: this.#now },
          away: this.#away,
          lettersOfAll: () => {
            const { letters, deadLetters } = this.#lettersOf(webhook);
            return letters + deadLetters;
          },
          changed: () => (this.#changed = true),
          observe: (outcome: 'parked' | 'dead' | 'dropped') => observer.webhookEvent(outcome, 1),
        };
      },
      lost: (webhook: Webhook, records: number, why: 'too many' | 'too old') => {
        observer.webhookEvent('lost', records);
        logger.error({ webhook: webhook.id, records, why }, 'events.lost');
      },
    };
  }

  #drop(id: FeedPartition): void {
    this.#partitions.get(id)?.end();
    this.#partitions.delete(id);
    for (const sender of this.#senders.values()) sender.sweep();
  }

  #dropAll(): void {
    this.#wentBack = false;
    for (const id of [...this.#partitions.keys()]) this.#drop(id);
    this.#leasesAt = 0;
    // The store may have lost the switch of the feed too.
    this.#revision = undefined;
    this.#webhooksAt = 0;
  }

  /** Answers whether there were records. */
  async #read(): Promise<boolean> {
    const { found, full } = await this.#readFrom([...this.#partitions.values()], FEW_RECORDS);
    // Each round begins with another one, so that all have their turn.
    const from = full.length <= MORE_PARTITIONS ? 0 : this.#rounds++ % full.length;
    await this.#readFrom(
      [...full.slice(from), ...full.slice(0, from)].slice(0, MORE_PARTITIONS),
      MORE_RECORDS,
    );
    return found;
  }

  /** @returns whether there were records, and the partitions that may have more of them */
  async #readFrom(
    partitions: readonly Partition[],
    limit: number,
  ): Promise<{ readonly found: boolean; readonly full: readonly Partition[] }> {
    const asks = partitions.flatMap((partition) =>
      [...partition.wanted].map((after) => ({ partition: partition.id, after, of: partition })),
    );
    const read = await this.#parts.store.feed.read(asks, limit);
    let found = false;
    const full = new Set<Partition>();
    for (const [i, { of, after }] of asks.entries()) {
      const records = read[i] ?? [];
      if (records.length === 0) continue;
      found = true;
      if (records.length >= limit) full.add(of);
      await of.take(after, records);
    }
    return { found, full: [...full] };
  }

  /** Gives up records that are too old. A receiver that is away for so long gets no further ones of them. */
  async #removeOld(): Promise<void> {
    const { keptMs, store } = this.#parts;
    const before = this.#now() - keptMs;
    const partitions = [...this.#partitions.values()];
    const of = (some: readonly Partition[]) => some.map(({ id }) => ({ partition: id, after: 0 }));
    const oldest = await store.feed.read(of(partitions), 1);
    const isOld = (record: FeedRecord): boolean => timeOfRecord(record) < before;
    const aged = partitions.filter((_, i) => oldest[i]?.some(isOld));
    const some = aged.slice(0, MORE_PARTITIONS);
    const read = await store.feed.read(of(some), MORE_RECORDS);
    for (const [i, partition] of some.entries()) {
      const records = read[i] ?? [];
      const young = records.findIndex((record) => !isOld(record));
      const last = (young === -1 ? records : records.slice(0, young)).at(-1);
      if (last === undefined || !partition.giveUp(last.position)) continue;
      this.#changed = true;
      // There may be more of them, here and in other partitions.
      this.#agesAt = 0;
    }
  }

  async #commit(): Promise<void> {
    await Promise.all(
      [...this.#partitions.values()].map(async (partition) => {
        if (await partition.commit()) return;
        this.#parts.logger.warn({ partition: partition.id }, 'relay.partition-lost');
        if (this.#partitions.get(partition.id) === partition) this.#drop(partition.id);
        this.#leasesAt = 0;
      }),
    );
  }
}
