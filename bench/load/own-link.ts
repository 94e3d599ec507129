import { cim, copyOf, decodeFrame, encodeFrame, LOBBY, type ProducerId } from '@cim/protocol';
import { type Address, Link, type LinkOwner, type Over } from './link.ts';

const ACK_EVERY = 64;
const ACK_EVERY_BYTES = 64 * 1024;

/**
 * A connection on our wire. It logs in with a ticket and resumes. It acks every 64 entries or 200 ms; for a
 * group, every 64 entries, every 64 KiB, or in place of a ping (load.ts).
 */
export class OwnLink extends Link {
  readonly #userId: number;
  readonly #ticket: string;
  readonly #groups: readonly string[];
  #inboxSeq = 0;
  #inboxUnacked = 0;
  /** Number of copies of own messages that are not acked. Nothing waits for these acks. */
  #copies = 0;
  #lobbySeq = 0;
  #lobbyUnacked = 0;
  #lobbyUnackedBytes = 0;

  constructor(
    index: number,
    address: Address,
    owner: LinkOwner,
    login: { readonly userId: number; readonly ticket: string; readonly lobby: boolean },
    over: Over,
  ) {
    super(index, address, owner, over);
    this.#userId = login.userId;
    this.#ticket = login.ticket;
    this.#groups = login.lobby ? ['', LOBBY] : [''];
  }

  override ping(): void {
    if (this.#inboxUnacked + this.#copies + this.#lobbyUnacked === 0) return this.send(PING);
    this.ack();
    this.ackGroup();
  }

  override ack(): void {
    if (this.#inboxUnacked + this.#copies === 0) return;
    this.#inboxUnacked = 0;
    this.#copies = 0;
    this.sendFrame({ ack: { seq: this.#inboxSeq } });
  }

  protected override onConnect(): void {
    this.sendFrame({ login: { userId: this.#userId, ticket: this.#ticket, agent: 'bench', level: 1 } });
  }

  protected override onBody(body: Uint8Array): void {
    const frame = decodeFrame(body);
    if (frame.deliver) this.#onDeliver(frame.deliver as cim.Deliver);
    else if (frame.receipt) this.#onReceipt(frame.receipt as cim.Receipt);
    else if (frame.welcome)
      this.sendFrame({ resume: { cursors: this.#groups.map((group) => ({ group, seq: 0, id: '' })) } });
    else if (frame.resumed) this.owner.onReady(this);
    else if (frame.goaway) this.why = frame.goaway.text ?? '';
  }

  /**
   * A receipt may deliver the copy of the own message. Copies are acked together with the entries of others,
   * or every 64.
   */
  #onReceipt(receipt: cim.Receipt): void {
    if (receipt.copy > 0) {
      this.#inboxSeq = receipt.copy;
      if (++this.#copies >= ACK_EVERY) this.ack();
    }
    this.owner.onReceipt(this, receipt);
  }

  #onDeliver({ group, entries }: cim.Deliver): void {
    let bytes = 0;
    for (const { content, producer } of entries as cim.Entry[]) {
      if (copyOf(producer as ProducerId).to !== undefined) continue;
      this.owner.onText(this, content, textAt(content));
      bytes += content.length;
    }
    const last = entries.at(-1)?.seq ?? 0;
    if (group === '') {
      if (this.#inboxUnacked === 0) this.owner.wantsAck(this);
      this.#inboxUnacked += entries.length;
      this.#inboxSeq = last;
      if (this.#inboxUnacked >= ACK_EVERY) this.ack();
    } else {
      if (this.#lobbyUnacked === 0) this.groupUnackedAt = performance.now();
      this.#lobbyUnacked += entries.length;
      this.#lobbyUnackedBytes += bytes;
      this.#lobbySeq = last;
      if (this.#lobbyUnacked >= ACK_EVERY || this.#lobbyUnackedBytes >= ACK_EVERY_BYTES) this.ackGroup();
    }
  }

  override ackGroup(): void {
    if (this.#lobbyUnacked === 0) return;
    this.#lobbyUnacked = 0;
    this.#lobbyUnackedBytes = 0;
    this.groupUnackedAt = Number.POSITIVE_INFINITY;
    this.sendFrame({ ack: { group: LOBBY, seq: this.#lobbySeq } });
  }
}

const PING = encodeFrame(cim.Frame, { ping: {} });

/** Position where the first text of an encoded `Content` begins: behind its tag and its length. */
export function textAt(content: Uint8Array): number {
  let at = 1;
  while ((content[at] ?? 0) >= 0x80) at++;
  return at + 1;
}
