/** Each function of the protocol that sees a stranger's text, with texts made to hold a server up. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { decodeFrame } from './decode-frame.ts';
import { cim } from './generated/cim.js';
import { isProducerId } from './ids.ts';
import { foldName, parseUserName } from './names.ts';
import { contentProblem, textsProblem } from './texts.ts';
import { openTicket } from './ticket.ts';

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  parseUserName,
  foldName,
  isProducerId,
  textsProblem: (text) => textsProblem([text, text]),
  contentProblem: (text) => [
    contentProblem(Buffer.from(text)),
    contentProblem(cim.Content.encode({ texts: [text] }).finish()),
  ],
  decodeFrame: (text) => decodeFrame(Buffer.from(text)),
  openTicket: (text) => openTicket('a secret', text),
};

describe('a text of 8 KiB made to hold a server up', () => {
  for (const [name, reads] of Object.entries(READERS))
    it(`is read in milliseconds by ${name}`, () => assertQuick(reads));
});
