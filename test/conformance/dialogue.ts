import type { Hear, HearRequest } from '@cim/testkit/raw';

const MOST_CHARACTERS = 600;
const hex = (bytes: Buffer): string => (bytes.toString('hex').match(/../g) ?? []).join(' ');
const short = (text: string): string =>
  text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)} ... (${text.length})`;

/** What was said between the clients of a check and the server, in the order in which it was heard. */
export class Dialogue {
  readonly lines: string[] = [];

  readonly hear: Hear = (side, bytes) => {
    this.lines.push(short(`${side} ${hex(bytes)}`));
  };

  /** A frame of a WebSocket that carries none of our bytes. */
  readonly hearControl = (side: 'client' | 'server', kind: string, bytes: Buffer): void => {
    this.lines.push(short(`${side} WebSocket ${kind} ${hex(bytes)}`));
  };

  readonly hearRequest: HearRequest = (path, body, status, answer) => {
    const asked = body instanceof Uint8Array ? hex(Buffer.from(body)) : JSON.stringify(body);
    const what = /^[A-Z]+ /.test(path) ? path : `${body === undefined ? 'GET' : 'POST'} ${path}`;
    this.lines.push(short(`client ${what}${body === undefined ? '' : ` ${asked}`}`));
    this.lines.push(short(`server HTTP ${status} ${answer}`));
  };
}
