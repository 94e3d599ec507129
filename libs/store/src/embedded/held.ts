import { type ProducerId, streamName, streamOfName, type UserId } from '@cim/protocol';
import { HELD, type Held, type HeldMessage, type HeldVerdict, type NewHeld } from '../held.ts';
import { expiryKey, HELD_COUNT, heldKey, heldRow, heldRows, heldSenderKey, idOfHeldRow } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { encodeRecord } from './record-bytes.ts';
import type { HeldRecord } from './records.ts';

const READ_BYTES = 1024 * 1024;
const NOTHING = { waiting: 0, allowed: 0 };

/**
 * Held messages: a record for each, and a row under its state and time that orders it. A decided message leaves a record
 * without its content, which expires.
 */
export class EmbeddedHeld implements Held {
  readonly #ledger: Ledger;
  readonly #now: () => number;

  /** @param now ms since 1970 */
  constructor(ledger: Ledger, now: () => number) {
    this.#ledger = ledger;
    this.#now = now;
  }

  async add(message: NewHeld, most: number): Promise<'ok' | 'known' | 'full'> {
    const answer = this.#add(message, most);
    await this.#ledger.commit();
    return answer;
  }

  async knows(id: ProducerId): Promise<boolean> {
    const known = this.#isKnown(id);
    await this.#ledger.commit();
    return known;
  }

  async list(limit: number): Promise<{ readonly items: readonly HeldMessage[]; readonly waiting: number }> {
    // Waits, so that everything begun before is on disk, or is lost.
    await this.#ledger.commit();
    const { waiting } = this.#ledger.committed(HELD_COUNT) ?? NOTHING;
    return { items: await this.#rows('waiting', limit), waiting };
  }

  async decide(id: ProducerId, verdict: HeldVerdict): Promise<HeldMessage | undefined> {
    const record = this.#ledger.get(heldKey(id));
    const decides = record?.state === 'waiting';
    if (decides && verdict === 'allow') {
      const decidedAt = this.#now();
      this.#ledger.deleteRow(heldRow('waiting', record.heldAt, id));
      this.#ledger.put(heldKey(id), { ...record, state: 'allowed', decidedAt });
      this.#ledger.putRow(heldRow('allowed', decidedAt, id), encodeRecord({}));
      this.#count(-1, 1);
    } else if (decides) this.#forget(id, record);
    await this.#ledger.commit();
    return decides ? messageOf(id, record) : undefined;
  }

  allowed(limit: number): Promise<readonly HeldMessage[]> {
    return this.#rows('allowed', limit);
  }

  async settle(id: ProducerId): Promise<boolean> {
    const record = this.#ledger.get(heldKey(id));
    const isAllowed = record?.state === 'allowed';
    if (isAllowed) this.#forget(id, record);
    await this.#ledger.commit();
    return isAllowed;
  }

  #add({ id, sender, to, content, reason }: NewHeld, most: number): 'ok' | 'known' | 'full' {
    if (this.#isKnown(id)) return 'known';
    const { waiting, allowed } = this.#ledger.get(HELD_COUNT) ?? NOTHING;
    const { messages } = this.#ledger.get(heldSenderKey(sender.userId)) ?? { messages: 0 };
    if (waiting + allowed >= most || messages >= HELD.mostOfSender) return 'full';
    const heldAt = this.#now();
    this.#ledger.put(heldKey(id), {
      ...{ state: 'waiting', heldAt, decidedAt: 0, reason, to: streamName(to) },
      ...{ sender: sender.userId, name: sender.userName },
      content: Buffer.from(content).toString('base64'),
    });
    this.#ledger.putRow(heldRow('waiting', heldAt, id), encodeRecord({}));
    this.#ledger.put(heldSenderKey(sender.userId), { messages: messages + 1 });
    this.#count(1, 0);
    return 'ok';
  }

  #isKnown(id: ProducerId): boolean {
    const record = this.#ledger.get(heldKey(id));
    return record !== undefined && (record.state !== 'past' || record.until > this.#now());
  }

  /** Forgets a message whose state it knows, but for its id. */
  #forget(id: ProducerId, { state, heldAt, decidedAt, sender }: HeldRecord): void {
    this.#ledger.deleteRow(heldRow(state, state === 'waiting' ? heldAt : decidedAt, id));
    const until = this.#now() + HELD.pastMs;
    this.#ledger.put(heldKey(id), { state: 'past', until });
    this.#ledger.putRow(expiryKey(until, heldKey(id)), encodeRecord({}));
    const { messages } = this.#ledger.get(heldSenderKey(sender)) ?? { messages: 1 };
    this.#ledger.put(heldSenderKey(sender), messages > 1 ? { messages: messages - 1 } : undefined);
    if (state === 'waiting') this.#count(-1, 0);
    else this.#count(0, -1);
  }

  #count(waiting: number, allowed: number): void {
    const count = this.#ledger.get(HELD_COUNT) ?? NOTHING;
    this.#ledger.put(HELD_COUNT, {
      waiting: Math.max(0, count.waiting + waiting),
      allowed: Math.max(0, count.allowed + allowed),
    });
  }

  async #rows(state: HeldRecord['state'], limit: number): Promise<HeldMessage[]> {
    const rows = await this.#ledger.rows(heldRows(state), limit, READ_BYTES);
    return rows.flatMap(([key]) => {
      const id = idOfHeldRow(key);
      const record = this.#ledger.committed(heldKey(id));
      return record === undefined || record.state !== state ? [] : [messageOf(id, record)];
    });
  }
}

const messageOf = (
  id: ProducerId,
  { sender, name, to, content, reason, heldAt }: HeldRecord,
): HeldMessage => ({
  ...{ id, reason, heldAt },
  sender: { userId: sender satisfies UserId, userName: name },
  to: streamOfName(to),
  content: Buffer.from(content, 'base64'),
});
