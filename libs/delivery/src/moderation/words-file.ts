import { readFile, stat } from 'node:fs/promises';
import { isUtf8 } from 'node:buffer';
import { lookOfFiles, type Logger } from '@cim/runtime';
import { MOST_FILE_BYTES, parseWordList } from './word-list.ts';
import { WordMatcher } from './word-matcher.ts';

const POLL_MS = 1_000;

/**
 * The sensitive words of a file. The file is read at the start and again when it changes. A file that cannot be
 * used leaves the words before in use: `problem` and one log line say why.
 */
export class WordsFile {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #timer: NodeJS.Timeout;
  #matcher: WordMatcher;
  #problem: string | undefined;
  /** State of the file (`lookOfFiles`): when it was last read, and at the last poll. */
  #read: string;
  #seen: string;
  #polling = false;

  private constructor(
    path: string,
    logger: Logger,
    { matcher, look, pollMs }: { matcher: WordMatcher; look: string; pollMs: number },
  ) {
    this.#path = path;
    this.#logger = logger;
    this.#matcher = matcher;
    this.#read = look;
    this.#seen = look;
    this.#timer = setInterval(() => void this.#poll(), pollMs).unref();
  }

  /** @throws {Error} one line: the file cannot be used */
  static async open(path: string, logger: Logger, pollMs = POLL_MS): Promise<WordsFile> {
    // The look comes first: a change while the file is read is noticed by the next poll.
    const look = await lookOfFiles([path]);
    try {
      const matcher = await readWords(path);
      logger.info({ words: matcher.size }, 'words.read');
      return new WordsFile(path, logger, { matcher, look, pollMs });
    } catch (error) {
      throw new Error(`CIM_WORDS_FILE: ${problemOf(error)}`, { cause: error });
    }
  }

  get matcher(): WordMatcher {
    return this.#matcher;
  }

  /** Why the file as it is now is not in use; undefined when it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A changed file is read when it has stayed the same for one poll: its writer has finished then. */
  async #poll(): Promise<void> {
    if (this.#polling) return;
    this.#polling = true;
    const look = await lookOfFiles([this.#path]);
    const isSettled = look === this.#seen;
    this.#seen = look;
    if (isSettled && look !== this.#read) {
      this.#read = look;
      await this.#reload();
    }
    this.#polling = false;
  }

  async #reload(): Promise<void> {
    try {
      this.#matcher = await readWords(this.#path);
      this.#problem = undefined;
      this.#logger.info({ words: this.#matcher.size }, 'words.read');
    } catch (error) {
      this.#problem = problemOf(error);
      this.#logger.warn({ problem: this.#problem }, 'words.not-read: the words before stay in use');
    }
  }
}

async function readWords(path: string): Promise<WordMatcher> {
  const { size } = await stat(path);
  // Its writer may have emptied it and not finished: no words at all is hardly what is meant.
  if (size === 0) throw new Error('the file is empty; a comment (#) in it says that there are no words');
  if (size > MOST_FILE_BYTES)
    throw new Error(`the file has ${size} bytes; at most ${MOST_FILE_BYTES} are read`);
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) throw new Error('the file is not UTF-8; save it as UTF-8');
  return WordMatcher.of(await parseWordList(bytes.toString('utf8')));
}

const problemOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
