import { Outcall, webhookSecretProblem, outcallUrlProblem } from '@cim/outcall';
import type { GroupId } from '@cim/protocol';
import { gauge, type Logger, type Metrics, type Observer, VERSION } from '@cim/runtime';
import { type Fallback, ModerationHook } from './moderation-hook.ts';
import { Words } from './words.ts';
import { WordsFile } from './words-file.ts';

export interface ModerationSettings {
  /** CIM_WORDS_FILE; '': there are no sensitive words. */
  readonly wordsFile: string;
  /** CIM_MODERATION_URL; '': no business system is asked. */
  readonly moderationUrl: string;
  readonly moderationSecret: string;
  readonly moderationGroups: readonly string[];
  /** '': none is declared. */
  readonly moderationFallback: Fallback | '';
  readonly moderationDeadlineMs: number;
  readonly outcallHosts: readonly string[];
}

export interface ModerationParts {
  readonly metrics: Metrics;
  readonly observer: Pick<Observer, 'moderated' | 'moderationAsked'>;
  readonly logger: Logger;
}

/** What is asked before a message is stored. One per process; whoever opens it stops it. */
export class Moderation {
  /** Undefined: there are no sensitive words. */
  readonly words: Words | undefined;
  /** Undefined: no business system is asked. */
  readonly hook: ModerationHook | undefined;
  readonly #file: WordsFile | undefined;
  readonly #outcall: Outcall | undefined;

  private constructor(
    file: WordsFile | undefined,
    settings: ModerationSettings,
    { metrics, observer, logger }: ModerationParts,
  ) {
    this.#file = file;
    const { moderationFallback: fallback } = settings;
    if (settings.moderationUrl !== '' && fallback !== '') {
      this.#outcall = new Outcall({ allowedHosts: settings.outcallHosts, agent: `cim/${VERSION}` });
      this.hook = new ModerationHook(
        {
          ...{ url: settings.moderationUrl, secret: settings.moderationSecret, fallback },
          ...{ groups: settings.moderationGroups as GroupId[], deadlineMs: settings.moderationDeadlineMs },
        },
        { outcall: this.#outcall, observer, logger },
      );
    }
    gauge(
      metrics,
      'cim_moderation_failing',
      'Whether the moderation system has not answered the last question',
      () => Number(this.hook?.problem !== undefined),
    );
    this.words = file && new Words({ file, observer, logger });
    gauge(metrics, 'cim_words', 'Sensitive words in use', () => file?.matcher.size ?? 0);
    gauge(
      metrics,
      'cim_words_problem',
      'Whether the file of sensitive words has changed and cannot be used',
      () => Number(file?.problem !== undefined),
    );
  }

  /** @throws {Error} one line: a setting is missing or wrong, or the file of words cannot be used */
  static async open(settings: ModerationSettings, parts: ModerationParts): Promise<Moderation> {
    const problem = problemOf(settings);
    if (problem !== undefined) throw new Error(problem);
    const { wordsFile } = settings;
    const file = wordsFile === '' ? undefined : await WordsFile.open(wordsFile, parts.logger);
    return new Moderation(file, settings, parts);
  }

  /** What does not work, a line each, for `/readyz`. It keeps no server from its work. */
  get problems(): readonly string[] {
    const words = this.#file?.problem;
    const hook = this.hook?.problem;
    return [
      ...(words === undefined
        ? []
        : [`CIM_WORDS_FILE cannot be used, the words before stay in use: ${words}`]),
      ...(hook === undefined ? [] : [hook]),
    ];
  }

  stop(): void {
    this.#file?.stop();
    this.#outcall?.stop();
  }
}

/** What is wrong with the settings of the business system, in one line; undefined when nothing is. */
function problemOf(settings: ModerationSettings): string | undefined {
  const { moderationUrl: url, moderationSecret: secret, moderationFallback: fallback } = settings;
  if (url === '') return undefined;
  const target = outcallUrlProblem(url, settings.outcallHosts);
  if (target !== undefined) return `CIM_MODERATION_URL ${target}`;
  const key = webhookSecretProblem(secret);
  if (key !== undefined) return `CIM_MODERATION_SECRET ${key}`;
  return fallback === ''
    ? 'CIM_MODERATION_FALLBACK must be set with CIM_MODERATION_URL: what is done with messages while it does not answer, allow, hold or refuse'
    : undefined;
}
