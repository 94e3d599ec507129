import { cim, decodeFrame, encodeFrame } from '@cim/protocol';
import { type Address, Link, type LinkOwner } from './link.ts';

/**
 * A connection on CIM's wire: a login without an answer, texts and pings. It is ready when the first ping is
 * answered.
 */
export class CimLink extends Link {
  readonly #userId: number;
  readonly #userName: string;
  #ready = false;

  constructor(
    index: number,
    address: Address,
    owner: LinkOwner,
    login: { readonly userId: number; readonly userName: string },
  ) {
    super(index, address, owner);
    this.#userId = login.userId;
    this.#userName = login.userName;
  }

  override ping(): void {
    this.send(PING);
  }

  override ack(): void {}

  protected override onConnect(): void {
    this.sendFrame({ cmd: cim.BaseCommand.LOGIN_REQUEST, id: this.#userId, text: this.#userName });
    this.ping();
  }

  protected override onBody(body: Uint8Array): void {
    const frame = decodeFrame(body);
    if (frame.cmd === cim.BaseCommand.PING) {
      if (this.#ready) return;
      this.#ready = true;
      this.owner.onReady(this);
      return;
    }
    if (frame.text !== '') this.owner.onText(this, Buffer.from(frame.text, 'latin1'), 0);
    for (const text of frame.batch) this.owner.onText(this, Buffer.from(text, 'latin1'), 0);
  }
}

const PING = encodeFrame(cim.Frame, { cmd: cim.BaseCommand.PING, text: 'ping' });
