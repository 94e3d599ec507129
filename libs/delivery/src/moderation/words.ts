import { decodeContent, encodeContent, messageId } from '@cim/protocol';
import type { Logger, Observer } from '@cim/runtime';
import { refused } from '../send-problems.ts';
import type { Refused, SendRequest } from '../send-request.ts';
import { FOUND, type WordMatcher } from './word-matcher.ts';

/** What the words make of a content: it is refused, or its texts are changed. */
export type WordsVerdict =
  | { readonly refusal: Refused }
  /** An encoded Content. */
  | { readonly content: Uint8Array };

export interface WordsParts {
  /** The words of now. */
  readonly file: { readonly matcher: WordMatcher };
  readonly observer: Pick<Observer, 'moderated'>;
  readonly logger: Logger;
}

/** Checks the texts of contents for sensitive words. Bodies are not looked into. */
export class Words {
  readonly #parts: WordsParts;

  constructor(parts: WordsParts) {
    this.#parts = parts;
  }

  /** Undefined: the content stays as it is. */
  check(request: SendRequest): WordsVerdict | undefined {
    const { file, observer, logger } = this.#parts;
    const content = decodeContent(request.content);
    if (content === undefined) return undefined;
    const { texts } = content;
    const { matcher } = file;
    let found = 0;
    for (const text of texts) found |= matcher.find(text);
    if (found === 0) return undefined;
    if ((found & FOUND.refuse) !== 0) {
      observer.moderated('words', 'refused');
      return { refusal: refused('moderated', 'the message has words that are not allowed here') };
    }
    if ((found & FOUND.flag) !== 0) {
      observer.moderated('words', 'flagged');
      const { actor, to, producer, counter } = request;
      logger.info(
        { userId: actor.userId, to, message: messageId(actor.userId, producer, counter) },
        'words.flagged',
      );
    }
    if ((found & FOUND.mask) === 0) return undefined;
    observer.moderated('words', 'masked');
    const masked = texts.map((text) => matcher.mask(text));
    return { content: encodeContent({ ...content, texts: masked, changed: true }) };
  }
}
