import { gauge, type Logger, type Metrics, type Observer } from '@cim/runtime';
import { Words } from './words.ts';
import { WordsFile } from './words-file.ts';

export interface ModerationSettings {
  /** CIM_WORDS_FILE; '': there are no sensitive words. */
  readonly wordsFile: string;
}

export interface ModerationParts {
  readonly metrics: Metrics;
  readonly observer: Pick<Observer, 'moderated'>;
  readonly logger: Logger;
}

/** What is asked before a message is stored. One per process; whoever opens it stops it. */
export class Moderation {
  /** Undefined: there are no sensitive words. */
  readonly words: Words | undefined;
  readonly #file: WordsFile | undefined;

  private constructor(file: WordsFile | undefined, { metrics, observer, logger }: ModerationParts) {
    this.#file = file;
    this.words = file && new Words({ file, observer, logger });
    gauge(metrics, 'cim_words', 'Sensitive words in use', () => file?.matcher.size ?? 0);
    gauge(
      metrics,
      'cim_words_problem',
      'Whether the file of sensitive words has changed and cannot be used',
      () => Number(file?.problem !== undefined),
    );
  }

  /** @throws {Error} one line: the file of words cannot be used */
  static async open({ wordsFile }: ModerationSettings, parts: ModerationParts): Promise<Moderation> {
    const file = wordsFile === '' ? undefined : await WordsFile.open(wordsFile, parts.logger);
    return new Moderation(file, parts);
  }

  /** What does not work, a line each, for `/readyz`. It keeps no server from its work. */
  get problems(): readonly string[] {
    const problem = this.#file?.problem;
    return problem === undefined
      ? []
      : [`CIM_WORDS_FILE cannot be used, the words before stay in use: ${problem}`];
  }

  stop(): void {
    this.#file?.stop();
  }
}
