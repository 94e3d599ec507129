/** Who sends a lane's texts: numbers them, sends what was not taken again, and knows which are stored. */
import { randomBytes } from 'node:crypto';
import { cim } from '@cim/protocol';
import { type HttpPool, readEnvelope } from './http-pool.ts';
import type { Link, LinkReceipt } from './link.ts';
import { payloadText } from './payload.ts';
import { SendFrames } from './send-frames.ts';

export interface LaneInfo {
  readonly lane: number;
  /** Of the sender, among the load's users. */
  readonly from: number;
  readonly fromUserId: number;
  /** The recipient; 0 stands for the group. */
  readonly toUserId: number;
  /** The recipient among the load's users. */
  readonly to: number;
}

export interface LaneCounts {
  created: number;
  stored: number;
  /** Sent again, because the server asked for it. */
  again: number;
  /** Refused or failed for good. */
  failed: number;
}

/** Told when a text is stored: when it was to be sent, µs. */
export type OnStored = (step: number, atUs: number) => void;

export interface Sender {
  readonly counts: LaneCounts;
  /** What was said about the last failure. */
  readonly problem: string;
  send(step: number, atUs: number): void;
}

/** What one session of the server takes at once is 1,024; more wait here, and their latency counts from when they were due. */
const UNDER_WAY = 512;
const AGAIN_AFTER_MS = 50;

export const newCounts = (): LaneCounts => ({ created: 0, stored: 0, again: 0, failed: 0 });

export class TcpSender implements Sender {
  readonly counts = newCounts();
  problem = '';
  readonly #link: Link;
  readonly #onStored: OnStored;
  readonly #frames: SendFrames;
  /** By counter, ascending: sends that are not answered; removed by the receipt. */
  readonly #open = new Map<number, { readonly step: number; readonly atUs: number }>();
  /** The counter that is written next. */
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
      // Those that are open, without those that are not written.
      this.#open.size - (this.counts.created - this.#next + 1) < UNDER_WAY
    ) {
      const counter = this.#next++;
      const item = this.#open.get(counter);
      if (item !== undefined) this.#link.send(this.#frames.make(counter, item.step, item.atUs));
    }
  }

  /** A counter that was not stored makes those after it gaps: all that are open are sent again, in order. */
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

/** CIM's way: `/p2pRoute` and `/groupRoute`. One request of a lane at a time, so that their order is the lane's. */
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
      // 7000: stored for somebody who is not there.
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
