import { cim, decodeFrame } from '@cim/protocol';
import { Link } from './link.ts';
import { textAt } from './own-link.ts';

/** A connection to the bare server that a run is compared with: it says its number, then frames come and go. */
export class BareLink extends Link {
  override ping(): void {}

  override ack(): void {}

  protected override onConnect(): void {
    this.send(Buffer.from(this.index.toString(16).padStart(8, '0'), 'latin1'));
  }

  protected override onBody(body: Uint8Array): void {
    const frame = decodeFrame(body);
    if (frame.welcome) this.owner.onReady(this);
    else if (frame.send) this.#onSend(frame.send as cim.Send);
    else if (frame.text !== '') this.owner.onText(this, Buffer.from(frame.text, 'latin1'), 0);
  }

  /** What a sender sees again is its receipt; even numbers send to odd ones, 0 sends to the group and is in it. */
  #onSend({ group, counter, content }: cim.Send): void {
    const all = group !== '';
    if (all || this.index % 2 === 1) this.owner.onText(this, content, textAt(content));
    if (all ? this.index === 0 : this.index % 2 === 0)
      this.owner.onReceipt(this, { counter, outcome: cim.Outcome.STORED, code: '', text: '' });
  }
}
