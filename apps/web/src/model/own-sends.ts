import type { ClientEvents, SendOutcome } from '@cim/client/browser';
import { problemText } from '../errors.ts';
import type { Conversation } from './conversation.ts';
import { FRESH, type Person, recalledOf, type Shown, withProgress, withReaction } from './shown.ts';

/** A send: a line, or an event about one. */
type Sent =
  | { readonly kind: 'line'; readonly conversation: Conversation; readonly key: string }
  | {
      readonly kind: 'event';
      readonly conversation: Conversation;
      readonly type: string;
      readonly about: string;
      readonly texts: readonly string[];
    };

/** A line of this tab whose number is not known yet. */
interface Unnumbered {
  readonly conversation: Conversation;
  readonly line: Shown;
}

/**
 * What this device sends, from whichever tab: each tab shows it, and how far it has got. All tabs hear of all sends by their number.
 * A tab that sends draws its line at once and learns the number when it is told of a send that says the same.
 */
export class OwnSends {
  readonly #me: Person;
  readonly #conversation: (to: ClientEvents['queued']['to']) => Conversation;
  readonly #problem: (text: string) => void;
  /** Key: number of a send. Removed when it is delivered, or will not be. */
  readonly #sends = new Map<number, Sent>();
  /** In the order sent; removed when the number is known. */
  #unnumbered: Unnumbered[] = [];
  #keys = 0;

  constructor(
    me: Person,
    conversation: (to: ClientEvents['queued']['to']) => Conversation,
    problem: (text: string) => void,
  ) {
    this.#me = me;
    this.#conversation = conversation;
    this.#problem = problem;
  }

  /** Draws a line that is about to be sent. */
  line(conversation: Conversation, texts: readonly string[], about: string | undefined, at: number): Shown {
    const line = this.#lineOf(texts, about, at);
    conversation.add(line);
    this.#unnumbered.push({ conversation, line });
    return line;
  }

  /** What has become of a send of this tab; most were told by the events before. */
  answered(key: string, outcome: SendOutcome): void {
    const at = this.#unnumbered.findIndex(({ line }) => line.key === key);
    const unnumbered = this.#unnumbered[at];
    if (unnumbered !== undefined && !this.#sends.has(outcome.ref)) {
      this.#unnumbered.splice(at, 1);
      this.#sends.set(outcome.ref, { kind: 'line', conversation: unnumbered.conversation, key });
    }
    this.#settle(outcome);
  }

  queued({ ref, to, texts, type, about }: ClientEvents['queued'], at: number): Conversation | undefined {
    if (this.#sends.has(ref)) return undefined;
    const conversation = this.#conversation(to);
    if (about !== undefined && (type === 'edit' || type === 'recall' || type === 'reaction')) {
      this.#sends.set(ref, { kind: 'event', conversation, type, about, texts });
      return undefined;
    }
    const index = this.#unnumbered.findIndex(
      (one) => one.conversation === conversation && isSame(one.line, texts, about),
    );
    const [mine] = index < 0 ? [] : this.#unnumbered.splice(index, 1);
    const line = mine?.line ?? this.#lineOf(texts, about, at);
    this.#sends.set(ref, { kind: 'line', conversation, key: line.key });
    if (mine !== undefined) return undefined;
    conversation.add(line);
    return conversation;
  }

  stored(event: ClientEvents['stored']): void {
    this.#settle({ outcome: 'stored', ...event });
  }

  refused(event: ClientEvents['refused']): void {
    this.#settle({ outcome: 'refused', ...event });
  }

  unknown(event: ClientEvents['unknown']): void {
    this.#settle({ outcome: 'unknown', ...event });
  }

  delivered(ref: number): void {
    const sent = this.#sends.get(ref);
    if (sent?.kind === 'line')
      sent.conversation.change(
        ({ key }) => key === sent.key,
        (line) => withProgress(line, 'delivered'),
      );
    this.#sends.delete(ref);
  }

  #settle(outcome: SendOutcome): void {
    const sent = this.#sends.get(outcome.ref);
    if (sent === undefined) return;
    const { conversation } = sent;
    if (outcome.outcome !== 'stored') {
      this.#sends.delete(outcome.ref);
      const { text } = outcome;
      const problem = problemText(outcome.outcome === 'refused' ? outcome.code : undefined, text);
      if (sent.kind === 'event') this.#problem(problem);
      else
        conversation.change(
          ({ key }) => key === sent.key,
          (line) => ({ ...line, progress: 'failed', problem }),
        );
    } else if (sent.kind === 'event') {
      this.#sends.delete(outcome.ref);
      this.#apply(sent);
    } else {
      const { id, n } = outcome;
      conversation.unread = 0;
      conversation.stored(sent.key, id, (line) => ({
        ...withProgress(line, 'stored'),
        ...(n > 0 && !conversation.isGroup && { peerN: n }),
      }));
      conversation.readByPeer(0);
      // Nobody tells whether a message to a group is delivered.
      if (conversation.isGroup) this.#sends.delete(outcome.ref);
    }
  }

  #apply({ conversation, type, about, texts }: Sent & { readonly kind: 'event' }): void {
    conversation.change(
      ({ id }) => id === about,
      (line) => {
        if (type === 'recall') return recalledOf(line);
        if (type === 'edit') return { ...line, texts, edited: true };
        return withReaction(line, texts[0] ?? '', this.#me.id);
      },
    );
  }

  #lineOf(texts: readonly string[], about: string | undefined, at: number): Shown {
    return {
      ...{ key: `sent-${this.#keys++}`, from: this.#me, own: true, at, texts, type: '' },
      ...(about !== undefined && { ref: about }),
      ...FRESH,
      progress: 'sending',
    };
  }
}

const isSame = (line: Shown, texts: readonly string[], about: string | undefined): boolean =>
  line.ref === about &&
  line.texts.length === texts.length &&
  line.texts.every((text, i) => text === texts[i]);
