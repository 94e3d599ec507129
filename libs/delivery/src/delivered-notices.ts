import type { InstanceId, UserId } from '@cim/protocol';
import type { DeliveredNotice } from './doorbell.ts';
import type { Locations } from './locations.ts';

/**
 * Senders that are located at once. Notices are best effort: a client that reconnects asks for what it
 * missed.
 */
const LOOKUPS = 256;

/**
 * Gathers the notices of one turn of the event loop: one list per im-server, with the newest notice per
 * sender and recipient.
 */
export class DeliveredNotices {
  readonly #locations: Locations;
  readonly #send: (at: InstanceId, notices: DeliveredNotice[]) => void;
  /** Key: instance, then `sender recipient`. Emptied once per turn. */
  #waiting = new Map<InstanceId, Map<string, DeliveredNotice>>();
  #lookups = 0;
  readonly #flush = (): void => {
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [at, notices] of waiting) this.#send(at, [...notices.values()]);
  };

  constructor(locations: Locations, send: (at: InstanceId, notices: DeliveredNotice[]) => void) {
    this.#locations = locations;
    this.#send = send;
  }

  add(notice: DeliveredNotice, at: InstanceId | undefined): void {
    if (at !== undefined) this.#queue(notice, at);
    else if (this.#lookups < LOOKUPS) this.#lookUp(notice.sender, notice);
  }

  #lookUp(sender: UserId, notice: DeliveredNotice): void {
    this.#lookups++;
    this.#locations.find(sender, {
      located: (found) => {
        this.#lookups--;
        // A sender who is offline or not found gets no notice: its client asks when it reconnects.
        if (found !== 'unknown') for (const { instance } of found) this.#queue(notice, instance);
      },
    });
  }

  #queue(notice: DeliveredNotice, at: InstanceId): void {
    if (this.#waiting.size === 0) setImmediate(this.#flush);
    let notices = this.#waiting.get(at);
    if (notices === undefined) this.#waiting.set(at, (notices = new Map<string, DeliveredNotice>()));
    const key = `${notice.sender} ${notice.to}`;
    const before = notices.get(key);
    if (before === undefined || before.seq < notice.seq) notices.set(key, notice);
  }
}
