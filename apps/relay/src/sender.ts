/**
 * Sends events to one webhook. Each conversation is a lane. The events of a lane go out in order: its next
 * request begins after the one before has ended, however it ended. Lanes do not wait for each other.
 *
 * When several requests in a row fail, the receiver counts as away. Then one request at a time tries whether
 * it is back. The other lanes do not wait for deadlines meanwhile, and do not use up their tries.
 */
import type { Outcall, OutcallAnswer } from '@cim/outcall';
import type { Webhook } from '@cim/store';
import type { RelayEvent } from './events.ts';
import { MOST_ASKED_MS, type RetryAfter } from './retry-schedule.ts';

/** A request that takes longer than this has failed [ms]. */
const DEADLINE_MS = 15_000;
/** Most events of one webhook in memory at a time. Each place may exceed it by what it reads at once. */
const WAITING = 10_000;
/** Most requests of one webhook at a time. */
const REQUESTS = 16;
/** After this many failures an event holds up its conversation for long. */
export const HELD_AFTER = 2;
/** Pause after HTTP 410 [ms]. Meanwhile the relay turns the webhook off. */
const GONE_MS = 5_000;
/** After this many failed requests in a row the receiver counts as away. */
const AWAY_AFTER = 5;
/** Delay of the first request to a receiver that is away, doubled each time, and the longest delay [ms]. */
const PROBE_MS = 1_000;
const PROBES_MS = 60_000;
const BATCH_BYTES = 256 * 1024;

/** An event on its way. Its owner learns what becomes of it. */
export interface Item {
  readonly event: RelayEvent;
  readonly conversation: string;
  /** About the size of the event in a request. */
  readonly bytes: number;
  /** Number of failed tries. */
  failed: number;
  /** The event is not sent before this time [ms since 1970]. */
  notBefore: number;
  /** Set when another relay has taken the event's partition. */
  dropped: boolean;
  readonly owner: ItemOwner;
}

export interface ItemOwner {
  delivered(item: Item): void;
  /** The event failed, and will be sent again. */
  retried(item: Item, problem: string): void;
  /** An event before this one has failed several times and holds it up. */
  held(item: Item): void;
  /** The event will not be sent again. */
  dead(item: Item, problem: string): void;
}

export interface SenderParts {
  readonly outcall: Pick<Outcall, 'post'>;
  /** ms since 1970. */
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => { readonly cancel: () => void };
  readonly retryAfter: RetryAfter;
  /** Called when the receiver says that it is gone for good (HTTP 410). */
  readonly gone: (webhook: Webhook, problem: string) => void;
  readonly observe: (outcome: 'delivered' | 'failed', seconds: number, events: number) => void;
}

interface Lane {
  readonly items: Item[];
  busy: boolean;
  /**
   * The last request of the lane failed. Its events go out one by one, so that one of them does not hold up
   * others.
   */
  alone: boolean;
}

export class Sender {
  #webhook: Webhook;
  readonly #parts: SenderParts;
  /** Key: conversation. A lane is removed when it is empty. */
  readonly #lanes = new Map<string, Lane>();
  #requests = 0;
  /** Number of events in all lanes. */
  #held = 0;
  #failedInRow = 0;
  /** No request is made before this time [ms since 1970]: the receiver is away, or has asked for time. */
  #pausedUntil = 0;
  #failingSince: number | undefined;
  #problem: string | undefined;
  #works = false;
  #stopped = false;
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;
  #due = false;

  constructor(webhook: Webhook, parts: SenderParts) {
    this.#webhook = webhook;
    this.#parts = parts;
  }

  /** Takes a new version of the webhook. When its URL has changed or it was turned on, the sender tries at once. */
  set webhook(webhook: Webhook) {
    const isElsewhere = webhook.url !== this.#webhook.url;
    const wasOff = this.#webhook.off !== undefined;
    this.#webhook = webhook;
    if (!isElsewhere) {
      // An operator may have had letters told again before this relay learned that the webhook is on.
      if (wasOff) this.#schedule(0);
      return;
    }
    [this.#failedInRow, this.#pausedUntil] = [0, 0];
    for (const { items } of this.#lanes.values()) for (const item of items) item.notBefore = 0;
    this.#schedule(0);
  }

  get webhook(): Webhook {
    return this.#webhook;
  }

  /** Since when no request has succeeded [ms since 1970]; undefined when the last one did. */
  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the last request has succeeded; false before the first one. */
  get works(): boolean {
    return this.#works;
  }

  get waiting(): number {
    let waiting = 0;
    for (const { items } of this.#lanes.values()) waiting += items.length;
    return waiting;
  }

  /** Whether the sender holds as many events as it may. Further ones wait in the feed. */
  get isFull(): boolean {
    return this.#held >= WAITING;
  }

  get requests(): number {
    return this.#requests;
  }

  /** Whether the conversation waits for an event that has failed several times. */
  isHeld(conversation: string): boolean {
    return (this.#lanes.get(conversation)?.items[0]?.failed ?? 0) >= HELD_AFTER;
  }

  offer(item: Item): void {
    let lane = this.#lanes.get(item.conversation);
    if (lane === undefined)
      this.#lanes.set(item.conversation, (lane = { items: [], busy: false, alone: item.failed > 0 }));
    lane.items.push(item);
    this.#held++;
    this.#schedule(item.notBefore);
  }

  /** Forgets events whose partition was lost. */
  sweep(): void {
    for (const [name, lane] of this.#lanes) {
      if (lane.busy) continue;
      this.#keep(lane, (item) => !item.dropped);
      if (lane.items.length === 0) this.#lanes.delete(name);
    }
  }

  /** Gives up all waiting events. */
  turnOff(problem: string): void {
    for (const [name, { items }] of this.#lanes) {
      for (const item of items) if (!item.dropped) item.owner.dead(item, problem);
      this.#held -= items.length;
      // The result of a request that is under way changes nothing for these events.
      items.length = 0;
      this.#lanes.delete(name);
    }
  }

  /** Makes no further request. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #keep(lane: Lane, isKept: (item: Item) => boolean): void {
    const { length } = lane.items;
    keep(lane, isKept);
    this.#held -= length - lane.items.length;
  }

  #schedule(at: number): void {
    const now = this.#parts.now();
    if (at <= now) {
      if (this.#due) return;
      this.#due = true;
      queueMicrotask(() => {
        this.#due = false;
        this.#go();
      });
      return;
    }
    if (this.#timer !== undefined && this.#timer.at <= at) return;
    this.#timer?.cancel();
    const timer = this.#parts.after(at - now, () => {
      this.#timer = undefined;
      this.#go();
    });
    this.#timer = { at, cancel: timer.cancel };
  }

  #go(): void {
    if (this.#stopped || this.#webhook.off !== undefined) return;
    const now = this.#parts.now();
    if (now < this.#pausedUntil) return this.#schedule(this.#pausedUntil);
    if (this.#failedInRow >= AWAY_AFTER) return this.#probe(now);
    let next = Infinity;
    let batch = new Batch();
    const send = (): void => {
      if (batch.items.length > 0) void this.#send(batch);
      batch = new Batch();
    };
    for (const [name, lane] of this.#lanes) {
      if (this.#requests + Number(batch.items.length > 0) >= REQUESTS) break;
      if (lane.busy) continue;
      this.#keep(lane, (item) => !item.dropped);
      const [first] = lane.items;
      if (first === undefined) this.#lanes.delete(name);
      else if (first.notBefore > now) next = Math.min(next, first.notBefore);
      else if (lane.alone) void this.#send(new Batch().add(lane, 1));
      else if (batch.add(lane, this.#webhook.batch).isFull(this.#webhook.batch)) send();
    }
    send();
    if (next < Infinity) this.#schedule(next);
  }

  /**
   * Sends one event to try whether the receiver is back: one that is due or, if none is, the one that is due
   * first.
   */
  #probe(now: number): void {
    if (this.#requests > 0) return;
    let found: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      this.#keep(lane, (item) => !item.dropped);
      const [first] = lane.items;
      if (first === undefined) continue;
      if (first.notBefore < (found?.items[0]?.notBefore ?? Infinity)) found = lane;
      if (first.notBefore <= now) break;
    }
    if (found !== undefined) void this.#send(new Batch().add(found, 1));
  }

  async #send({ items, lanes }: Batch): Promise<void> {
    this.#requests++;
    for (const lane of lanes) lane.busy = true;
    const { outcall, now, observe } = this.#parts;
    const { url, secrets } = this.#webhook;
    const begun = now();
    const [first] = items;
    const events = items.map(({ event }) => event);
    const body =
      this.#webhook.batch === 1
        ? events[0]
        : { type: 'batch', timestamp: events.at(-1)?.timestamp, data: events };
    const answer = await outcall.post({
      url,
      body: JSON.stringify(body),
      id: first?.event.id ?? '',
      secrets: secrets.flatMap(({ secret, until }) => (until === undefined || until > now() ? [secret] : [])),
      deadlineMs: DEADLINE_MS,
    });
    this.#requests--;
    for (const lane of lanes) lane.busy = false;
    const problem = problemOf(answer);
    observe(problem === undefined ? 'delivered' : 'failed', answer.ms / 1_000, items.length);
    if (problem === undefined) this.#delivered(items, lanes);
    // What the receiver at an earlier URL says does not count. The events go to the new one at once.
    else if (url === this.#webhook.url) this.#failed(items, lanes, answer, problem, begun);
    this.#goBehind(items);
    this.#schedule(0);
  }

  #delivered(items: readonly Item[], lanes: readonly Lane[]): void {
    const wasAway = this.#failedInRow >= AWAY_AFTER;
    this.#failedInRow = 0;
    this.#failingSince = undefined;
    this.#problem = undefined;
    this.#works = true;
    // The receiver is back. Events that failed meanwhile did not fail because of their content.
    if (wasAway)
      for (const { items: waiting } of this.#lanes.values()) for (const item of waiting) item.notBefore = 0;
    const sent = new Set(items);
    for (const lane of lanes) {
      lane.alone = false;
      this.#keep(lane, (item) => !sent.has(item));
    }
    for (const item of items) if (!item.dropped) item.owner.delivered(item);
  }

  /** @param begun when the request began; a failure does not count for an event that was not due then */
  #failed(
    items: readonly Item[],
    lanes: readonly Lane[],
    answer: OutcallAnswer,
    problem: string,
    begun: number,
  ): void {
    const { now, retryAfter, gone } = this.#parts;
    this.#failedInRow++;
    this.#failingSince ??= now();
    this.#problem = problem;
    this.#works = false;
    for (const lane of lanes) lane.alone = true;
    if (answer.outcome === 'answered' && answer.status === 410) {
      this.#pausedUntil = now() + GONE_MS;
      return gone(this.#webhook, problem);
    }
    const askedMs = answer.outcome === 'answered' ? answer.retryAfterMs : undefined;
    const tries = this.#failedInRow - AWAY_AFTER;
    const probeMs = tries < 0 ? 0 : Math.min(PROBE_MS * 2 ** Math.min(tries, 10), PROBES_MS);
    this.#pausedUntil = now() + Math.max(probeMs, Math.min(askedMs ?? 0, MOST_ASKED_MS));
    for (const item of items) {
      if (item.dropped || item.notBefore > begun) continue;
      item.failed++;
      const ms = retryAfter(item.failed, askedMs);
      item.notBefore = ms === undefined ? 0 : now() + ms;
      if (ms !== undefined) item.owner.retried(item, problem);
      else {
        const lane = this.#lanes.get(item.conversation);
        if (lane !== undefined) this.#keep(lane, (one) => one !== item);
        item.owner.dead(item, problem);
      }
    }
    for (const { items: waiting } of lanes) {
      const [first, ...behind] = waiting;
      if ((first?.failed ?? 0) >= HELD_AFTER) for (const item of behind) item.owner.held(item);
    }
  }

  /** Moves lanes that have had a request behind the others. */
  #goBehind(items: readonly Item[]): void {
    for (const { conversation } of items) {
      const lane = this.#lanes.get(conversation);
      if (lane === undefined) continue;
      this.#lanes.delete(conversation);
      if (lane.items.length > 0) this.#lanes.set(conversation, lane);
    }
  }
}

/** The events of a request, and the lanes they come from. */
class Batch {
  readonly items: Item[] = [];
  readonly lanes: Lane[] = [];
  #bytes = 0;

  /** Adds events from the start of a lane; at least one when the batch is empty. */
  add(lane: Lane, most: number): this {
    this.lanes.push(lane);
    for (const item of lane.items) {
      if (this.isFull(most)) break;
      this.items.push(item);
      this.#bytes += item.bytes;
    }
    return this;
  }

  isFull(most: number): boolean {
    return this.items.length >= most || this.#bytes >= BATCH_BYTES;
  }
}

function keep({ items }: Lane, isKept: (item: Item) => boolean): void {
  let kept = 0;
  for (const item of items) if (isKept(item)) items[kept++] = item;
  items.length = kept;
}

/** Why a request has failed, in one line; undefined when the receiver has the events. */
function problemOf(answer: OutcallAnswer): string | undefined {
  if (answer.outcome === 'failed') return answer.text;
  const { status } = answer;
  if (status >= 200 && status < 300) return undefined;
  return status >= 300 && status < 400
    ? `it answered HTTP ${status}, a redirect, which is not followed: enter the new URL`
    : `it answered HTTP ${status}`;
}
