import { cim, decodeFrame } from '@cim/protocol';
import { Link } from './link.ts';
import { textAt } from './own-link.ts';

/**
 * A connection to the bare server that a run is compared with. It sends its number first; then frames follow
 * in both directions.
 */
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

  /**
   * Receives a frame that the bare server has passed on. For its sender it is the receipt. A connection with
   * an even number sends to one with an odd number; number 0 sends to the group and belongs to it.
   */
  #onSend({ group, counter, content }: cim.Send): void {
    const all = group !== '';
    if (all || this.index % 2 === 1) this.owner.onText(this, content, textAt(content));
    if (all ? this.index === 0 : this.index % 2 === 0)
      this.owner.onReceipt(this, { counter, outcome: cim.Outcome.STORED, code: '', text: '' });
  }
}
