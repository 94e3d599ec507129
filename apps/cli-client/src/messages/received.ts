import type { Message, Offered, StreamEvent } from '@cim/client/node';
import { within } from './guarded.ts';
import { type History, receivedId } from '../files/history.ts';
import type { Ignored } from '../options/ignored.ts';
import type { Placed, Screen } from '../screen/screen.ts';
import {
  eventLine,
  membersWords,
  type Names,
  saidOf,
  type Shown,
  titleOf,
  type View,
} from '../screen/view.ts';

/** A message that takes longer to be made into lines is not shown [ms]. */
const RENDER_MS = 1_000;

export interface ReceivedParts {
  readonly screen: Screen;
  readonly view: View;
  readonly plainView: View;
  readonly history: History;
  readonly names: Names;
  readonly ignored: Ignored;
}

/**
 * Shows messages of other users and writes them to the history.
 *
 * The order is: screen, history, then the acknowledgement, which is the return of `show`. A process killed after the
 * history was written is offered the message again and knows its id there. One killed before shows it at its next
 * start. So each message stands in the history once, and on the screen once, or twice when the process was killed
 * between two adjacent system calls, the one that writes the screen and the one that writes the history.
 */
export class Received {
  readonly #parts: ReceivedParts;

  constructor(parts: ReceivedParts) {
    this.#parts = parts;
  }

  /** Shows a message and writes it to the history. False when both were done before. Never throws. */
  show(message: Message): boolean {
    if (!message.own && this.#parts.ignored.has(message.from.userName)) return false;
    const whole = { ...message, texts: [message.texts.join('\n')] };
    const { from, own, id, n, storedAt: at, texts, type } = message;
    const text = texts.length > 0 ? texts.join('\n') : `[${type}]`;
    return this.#once(
      message,
      { message: { kind: 'said', at, from: from.userName, own, text, id, n } },
      (view, isKept) => linesOf(isKept ? whole : message, view, this.#parts.names),
    );
  }

  /** The same of an event about a message, or about the members of a group. */
  showEvent(event: Exclude<StreamEvent, { event: 'message' }>): boolean {
    return this.#once(event.value, changeOf(event), (view) =>
      guarded(event.value, view, () => view.notice(eventLine(event, this.#parts.names))),
    );
  }

  #once(
    offered: Offered,
    what: Pick<Placed, 'message' | 'change'>,
    linesFor: (view: View, isKept: boolean) => string[],
  ): boolean {
    const { screen, view, plainView, history, names } = this.#parts;
    const { conversation } = offered;
    const id = receivedId(offered);
    if (history.knows(id)) return false;
    screen.print(linesFor(view, false), { conversation, title: titleOf(conversation, names), ...what });
    screen.flush();
    history.add(linesFor(plainView, true).join(' '), id);
    return true;
  }

  /** As they are shown. A message that cannot be shown becomes one line that says so, and blocks nothing. */
  lines(message: Shown): string[] {
    return linesOf(message, this.#parts.view, this.#parts.names);
  }
}

/** What an event does to its message, where that is on the screen; or what stands there for it. */
function changeOf(event: Exclude<StreamEvent, { event: 'message' }>): Pick<Placed, 'change' | 'message'> {
  switch (event.event) {
    case 'recalled':
      return { change: { id: event.value.ref, recalled: true } };
    case 'edited':
      return { change: { id: event.value.ref, text: event.value.texts.join('\n') } };
    case 'reaction': {
      const { ref, from, reaction } = event.value;
      return { change: { id: ref, user: from.userId, reaction } };
    }
    case 'members': {
      const { value } = event;
      const { id, from, own, storedAt: at } = value;
      const text = membersWords(value);
      return { message: { kind: 'said', at, from: from.userName, own, text, id, n: 0, event: true } };
    }
  }
}

const linesOf = (message: Shown, view: View, names: Names): string[] =>
  guarded(message, view, () => saidOf(message, names).flatMap((said) => view.said(said)));

function guarded(message: Pick<Shown, 'from'>, view: View, lines: () => string[]): string[] {
  try {
    return within(RENDER_MS, lines);
  } catch (error) {
    // Nothing of the message stands here but numbers: any of its texts may be the one that cannot be shown.
    const why = error instanceof Error ? error.message : String(error);
    return view.problem(`a message of user ${message.from.userId} cannot be shown here: ${why}`);
  }
}
