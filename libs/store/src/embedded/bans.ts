import {
  type Ban,
  type Bans,
  FORGIVEN_MS,
  LENGTHENED_AT_MOST,
  MOST_BANS,
  type Subject,
  SUSPENSION_MS,
} from '../bans.ts';
import type { EmbeddedEventFeed } from './event-feed.ts';
import { BANS } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { promised } from './promised.ts';
import type { BanRecord } from './records.ts';

/** Bans in one record: they are few, and seldom change. */
export class EmbeddedBans implements Bans {
  readonly #ledger: Ledger;
  readonly #now: () => number;
  readonly #lengthsMs: readonly number[];
  readonly #feed: Pick<EmbeddedEventFeed, 'tell'>;

  /**
   * @param now ms since 1970
   * @param lengthsMs as `SUSPENSION_MS`
   */
  constructor(
    ledger: Ledger,
    feed: Pick<EmbeddedEventFeed, 'tell'>,
    now: () => number,
    lengthsMs: readonly number[] = SUSPENSION_MS,
  ) {
    this.#feed = feed;
    this.#lengthsMs = lengthsMs;
    this.#ledger = ledger;
    this.#now = now;
  }

  list(): Promise<readonly Ban[]> {
    return promised(() => this.#bans().flatMap((ban) => this.#active(ban) ?? []));
  }

  async suspend(subject: Subject, reason: string): Promise<Ban> {
    const before = this.#find(subject);
    const active = before && this.#active(before);
    if (active !== undefined) return active;
    const now = this.#now();
    const isLate = before === undefined || now - before.until >= FORGIVEN_MS;
    const step = isLate ? 1 : Math.min(before.step + 1, this.#lengthsMs.length);
    return this.#begin({ subject, until: now + this.#lengthOf(step), begun: now, step, reason });
  }

  async asked(subject: Subject): Promise<Ban | undefined> {
    const ban = this.#find(subject);
    const active = ban && this.#active(ban);
    if (ban === undefined || active === undefined || ban.step === 0) return active;
    const length = this.#lengthOf(ban.step);
    const until = Math.min(this.#now() + length, ban.begun + LENGTHENED_AT_MOST * length);
    return this.#write({ ...ban, until: Math.max(ban.until, until) });
  }

  ban(subject: Subject, ms: number, reason: string): Promise<Ban> {
    const begun = this.#now();
    return this.#begin({ subject, until: begun + ms, begun, step: 0, reason });
  }

  async unban(subject: Subject): Promise<boolean> {
    const ban = this.#find(subject);
    if (ban === undefined) return false;
    const wasActive = this.#active(ban) !== undefined;
    this.#ledger.put(BANS, { bans: this.#bans().filter((one) => one.subject !== subject) });
    if (wasActive) this.#feed.tell('bans', { kind: 'unbanned', subject, at: this.#now() });
    await this.#ledger.commit();
    return wasActive;
  }

  #begin(ban: BanRecord): Promise<Ban> {
    const { subject, step, until, reason, begun: at } = ban;
    this.#feed.tell('bans', { kind: 'banned', subject, step, until, reason, at });
    return this.#write(ban);
  }

  async #write(ban: BanRecord): Promise<Ban> {
    const kept = this.#bans().filter(
      ({ subject, until }) => subject !== ban.subject && this.#now() - until < FORGIVEN_MS,
    );
    const bans = [...kept, ban];
    if (bans.length > MOST_BANS) bans.sort((a, b) => a.until - b.until).shift();
    this.#ledger.put(BANS, { bans });
    await this.#ledger.commit();
    const { subject, until, step, reason } = ban;
    return { subject, leftMs: until - this.#now(), step, reason };
  }

  #lengthOf(step: number): number {
    return this.#lengthsMs[step - 1] ?? 0;
  }

  #bans(): readonly BanRecord[] {
    return this.#ledger.get(BANS)?.bans ?? [];
  }

  #find(subject: Subject): BanRecord | undefined {
    return this.#bans().find((ban) => ban.subject === subject);
  }

  #active({ subject, until, step, reason }: BanRecord): Ban | undefined {
    const leftMs = until - this.#now();
    return leftMs > 0 ? { subject, leftMs, step, reason } : undefined;
  }
}
