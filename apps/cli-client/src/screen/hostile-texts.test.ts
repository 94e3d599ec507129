/** Each function of the terminal client that sees what others wrote, with texts made to freeze it. */
import { describe, it } from 'node:test';
import type { Message } from '@cim/client/node';
import type { UserId } from '@cim/protocol';
import { assertQuick } from '@cim/testkit';
import { cleanLine, cleanLines } from '@cim/terminal-text';
import { answerTo } from '../acts/answerer.ts';
import { parseLine } from '../commands/parse-line.ts';
import { Contacts } from '../messages/contacts.ts';
import { withEmoji } from '../commands/emoji.ts';
import { Marks } from '../messages/marks.ts';
import { BUILT_IN } from '../options/theme.ts';
import { createPaint } from './paint.ts';
import { eventLine, saidOf, View } from './view.ts';

const view = new View(
  createPaint(() => BUILT_IN.dark),
  true,
  Date.now,
);
const messageOf = (text: string): Message =>
  ({ from: { userId: 1, userName: text }, texts: [text], storedAt: 0 }) as unknown as Message;
const names = { userName: String, groupName: String };
const contacts = new Contacts();

const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  cleanLine,
  cleanLines,
  'a message': (text) =>
    saidOf(messageOf(text), names).map((said) => view.said({ ...said, to: text, group: text })),
  'an event': (text) => {
    const from = { userId: 1 as UserId, userName: text };
    const of = {
      ...messageOf(text),
      from,
      group: text,
      texts: [text],
      reaction: text,
      op: text,
      users: [from],
    };
    return (['recalled', 'edited', 'reaction', 'members'] as const).map((event) =>
      view.notice(eventLine({ event, value: of } as unknown as Parameters<typeof eventLine>[0], names)),
    );
  },
  'a refusal': (text) => view.failed({ at: 0, from: text, private: false, text }, text),
  'a notice, a mark and a problem': (text) => [view.notice(text), view.mark(text), view.problem(text)],
  'who is online': (text) => view.users(text, [{ userId: 1 as UserId, userName: text }], 1, undefined),
  contacts: (text) => {
    contacts.meet({ userId: 1 as UserId, userName: text });
    return [contacts.idOf(text), contacts.knows(text)];
  },
  'the name of a line that was delivered': (text) => {
    const marks = new Marks({ show: cleanLine, online: () => true, nameOf: () => text, now: () => 0 });
    marks.stored(1, text);
    marks.delivered(1, 1);
    marks.stop();
  },
  'a pasted line': (text) => parseLine(text, () => true),
  'a command': (text) => parseLine(`:delay ${text}`),
  'a private line': (text) => parseLine(`bob;;${text}`),
  withEmoji,
  answerTo,
};

describe('a text of 8 KiB made to freeze a terminal', () => {
  for (const [name, reads] of Object.entries(READERS))
    it(`is read in milliseconds as ${name}`, () => assertQuick(reads));
});
