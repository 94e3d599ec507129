/**
 * Sends the texts of a lane: numbers them, repeats those that the server did not take, and knows which are
 * stored.
 */
import { randomBytes } from 'node:crypto';
import { cim } from '@cim/protocol';
import { type HttpPool, readEnvelope } from './http-pool.ts';
import type { Link, LinkReceipt } from './link.ts';
import { payloadText } from './payload.ts';
import { SendFrames } from './send-frames.ts';

export interface LaneInfo {
  readonly lane: number;
  /** Index of the sender among the users of the load. */
  readonly from: number;
  readonly fromUserId: number;
  /** User id of the recipient; 0 stands for the group. */
  readonly toUserId: number;
  /** Index of the recipient among the users of the load. */
  readonly to: number;
}

export interface LaneCounts {
  created: number;
  stored: number;
  /** Texts that were sent again because the server asked for it. */
  again: number;
  /** Texts that were refused, or failed for good. */
  failed: number;
}

/** Called when a text is stored. `atUs` is when it was due. */
export type OnStored = (step: number, atUs: number) => void;

export interface Sender {
  readonly counts: LaneCounts;
  /** The reason of the last failure. */
  readonly problem: string;
  send(step: number, atUs: number): void;
}

/**
 * Most sends under way. A session of the server takes 1,024 at once. Further texts wait here, and their
 * latency counts from when they were due.
 */
const UNDER_WAY = 512;
const AGAIN_AFTER_MS = 50;

export const newCounts = (): LaneCounts => ({ created: 0, stored: 0, again: 0, failed: 0 });

export class TcpSender implements Sender {
  readonly counts = newCounts();
  problem = '';
  readonly #link: Link;
  readonly #onStored: OnStored;
  readonly #frames: SendFrames;
  /** Key: counter, ascending. Sends without a receipt. */
  readonly #open = new Map<number, { readonly step: number; readonly atUs: number }>();
  /** The counter of the next send to write. */
  #next = 1;
  #pausing = false;

  constructor(lane: LaneInfo, link: Link, bytes: number, onStored: OnStored) {
    this.#link = link;
    this.#onStored = onStored;
    const producer = randomBytes(18).toString('base64url');
    this.#frames = new SendFrames(lane.lane, lane.toUserId, producer, bytes);
  }

  send(step: number, atUs: number): void {
    this.counts.created++;
    this.#open.set(this.counts.created, { step, atUs });
    this.#pump();
  }

  onReceipt(receipt: LinkReceipt): void {
    const { counter, outcome, code, text } = receipt;
    if (outcome === cim.Outcome.STORED) {
      const item = this.#open.get(counter);
      if (item === undefined) return;
      this.#open.delete(counter);
      this.counts.stored++;
      this.#onStored(item.step, item.atUs);
      this.#pump();
    } else if (outcome === cim.Outcome.REFUSED) {
      this.counts.failed++;
      this.problem = `${code} ${text}`;
    } else this.#goBack();
  }

  #pump(): void {
    while (
      !this.#pausing &&
      this.#next <= this.counts.created &&
      // The open sends, without those that are not written yet.
      this.#open.size - (this.counts.created - this.#next + 1) < UNDER_WAY
    ) {
      const counter = this.#next++;
      const item = this.#open.get(counter);
      if (item !== undefined) this.#link.send(this.#frames.make(counter, item.step, item.atUs));
    }
  }

  /** When a counter was not stored, those after it are gaps. So all open sends go out again, in order. */
  #goBack(): void {
    if (this.#pausing) return;
    this.#pausing = true;
    setTimeout(() => {
      this.#pausing = false;
      const [first = this.#next] = this.#open.keys();
      this.counts.again += this.#next - first;
      this.#next = first;
      this.#pump();
    }, AGAIN_AFTER_MS);
  }
}

/**
 * Sends by CIM's paths `/p2pRoute` and `/groupRoute`, one request of a lane at a time, so that the order of
 * the lane holds.
 */
export class HttpSender implements Sender {
  readonly counts = newCounts();
  problem = '';
  readonly #lane: LaneInfo;
  readonly #http: HttpPool;
  readonly #bytes: number;
  readonly #onStored: OnStored;

  constructor(lane: LaneInfo, http: HttpPool, bytes: number, onStored: OnStored) {
    this.#lane = lane;
    this.#http = http;
    this.#bytes = bytes;
    this.#onStored = onStored;
  }

  send(step: number, atUs: number): void {
    const { lane, fromUserId, toUserId } = this.#lane;
    const msg = payloadText({ step, lane, number: this.counts.created++, atUs }, this.#bytes);
    const path = toUserId === 0 ? '/groupRoute' : '/p2pRoute';
    const body =
      toUserId === 0 ? { userId: fromUserId, msg } : { userId: fromUserId, receiveUserId: toUserId, msg };
    this.#http.post(lane, path, body, (status, text) => {
      const { code } = readEnvelope(text);
      // 7000: the text is stored, and the recipient is offline.
      if (status === 200 && (code === '9000' || code === '7000')) {
        this.counts.stored++;
        this.#onStored(step, atUs);
      } else {
        this.counts.failed++;
        this.problem = status === 0 ? 'the connection to the route ended' : `${status} ${text.slice(0, 120)}`;
      }
    });
  }
}
