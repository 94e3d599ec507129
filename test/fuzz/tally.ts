/** Counts what became of the frames. */
import { closeReasonOf, decodeFrame } from '@cim/protocol';

export class Tally {
  lives = 0;
  /** Batches whose tame frames were not all answered. */
  cut = 0;
  /** Key: close reason. */
  readonly goodbyes = new Map<string, number>();
  /** Key: the route's answer. Logins that the route refused. */
  readonly refusals = new Map<string, number>();
  /** Key: number of a field. Frames from the server. */
  readonly answers = new Map<number, number>();

  note(body: Uint8Array): void {
    const [first = 0, second = 0] = body;
    const field = (first >= 0x80 ? (first & 0x7f) | (second << 7) : first) >> 3;
    this.answers.set(field, (this.answers.get(field) ?? 0) + 1);
    if (field !== GOAWAY) return;
    const reason = closeReasonOf(decodeFrame(body).goaway?.reason ?? 0);
    this.goodbyes.set(reason, (this.goodbyes.get(reason) ?? 0) + 1);
  }

  lived(): void {
    this.lives++;
  }

  cutShort(): void {
    this.cut++;
  }

  refused(why: string): undefined {
    this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1);
    return undefined;
  }

  toString(): string {
    const list = (map: ReadonlyMap<string | number, number>): string =>
      [...map].map(([what, times]) => `${what} ${times}`).join(', ');
    return `${this.lives} logins, ${this.cut} cut short; goodbyes: ${list(this.goodbyes)}; refused: ${list(this.refusals)}; answers: ${list(this.answers)}`;
  }
}

const GOAWAY = 27;
