/** The texts of a server that the SDK reads, built to freeze it. */
import { describe, it } from 'node:test';
import { assertQuick } from '@cim/testkit';
import { failureText, HttpCaller } from './http-caller.ts';
import { wellFormed } from './recipient.ts';

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  'a text that is sent': wellFormed,
  "a route's URL": (text) => new HttpCaller(`http://h/${text}`),
  'an error of a connection': (text) => failureText(new Error(text), 1_000),
};

describe('a text of 8 KiB made to freeze a client', () => {
  for (const [name, reads] of Object.entries(READERS))
    it(`is read in milliseconds as ${name}`, () => assertQuick(reads));
});
