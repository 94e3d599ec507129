/** Every function of the protocol that reads a stranger's text gets texts built to make it slow. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { contentFacts, textsProblem } from './content-types.ts';
import { decodeFrame } from './decode-frame.ts';
import { cim } from './generated.ts';
import { isProducerId } from './ids.ts';
import { foldName, parseUserName } from './names.ts';

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  parseUserName,
  foldName,
  isProducerId,
  textsProblem: (text) => textsProblem([text, text]),
  contentFacts: (text) => [
    contentFacts(Buffer.from(text)),
    contentFacts(cim.Content.encode({ texts: [text] }).finish()),
    contentFacts(cim.Content.encode({ type: text, body: Buffer.from(text) }).finish()),
    contentFacts(cim.Content.encode({ type: 'json', body: Buffer.from(text) }).finish()),
    contentFacts(cim.Content.encode({ type: 'reaction', ref: text, texts: [text] }).finish()),
  ],
  decodeFrame: (text) => decodeFrame(Buffer.from(text)),
};

describe('a text of 8 KiB made to hold a server up', () => {
  for (const [name, reads] of Object.entries(READERS))
    it(`is read in milliseconds by ${name}`, () => assertQuick(reads));
});
