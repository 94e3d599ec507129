/** Asks a business system about each message before it is stored. */
import { hash } from 'node:crypto';
import {
  type Content,
  decodeContent,
  encodeContent,
  factsOf,
  type GroupId,
  groupOf,
  messageId,
  type StreamRef,
} from '@cim/protocol';
import { CircuitBreaker, loggedHost, type Outcall, type OutcallAnswer } from '@cim/outcall';
import { type Logger, type Observer, RareWarning } from '@cim/runtime';
import { toldMessage } from '@cim/store';
import type { SendRequest } from '../send-request.ts';

/** What is done with a message when the business system does not answer. */
export const FALLBACKS = ['allow', 'hold', 'refuse'] as const;
export type Fallback = (typeof FALLBACKS)[number];

/** The circuit opens after this many failures in a row, for this long [ms]. */
const FAILURES = 5;
const OPEN_MS = 5_000;
/** Most questions under way at once. Above that messages get the fallback. */
const UNDER_WAY = 1_024;
const REASON_CHARACTERS = 300;

export interface HookSettings {
  readonly url: string;
  /** Signs the questions (`whsec_...`). */
  readonly secret: string;
  /** Groups whose messages are asked about. Empty: those of all conversations. */
  readonly groups: readonly GroupId[];
  readonly fallback: Fallback;
  /** Time for an answer [ms]. */
  readonly deadlineMs: number;
}

export interface HookParts {
  readonly outcall: Pick<Outcall, 'post'>;
  readonly observer: Pick<Observer, 'moderated' | 'moderationAsked'>;
  readonly logger: Logger;
  /** The time of a monotonic clock [ms]. */
  readonly now?: () => number;
}

/** What the business system, or the fallback in its place, decides about a message. */
export type HookDecision =
  | { readonly action: 'allow' }
  /** @property content an encoded Content, marked as changed */
  | { readonly action: 'replace'; readonly content: Uint8Array }
  /** @property reason in words for the sender */
  | { readonly action: 'refuse'; readonly reason: string }
  /** @property reason in words for the person who decides */
  | { readonly action: 'hold'; readonly reason: string }
  /** The business system did not answer, and the fallback is to refuse. */
  | { readonly action: 'unchecked' };

/** Never throws: a business system that fails is an outcome. */
export class ModerationHook {
  readonly #settings: HookSettings;
  readonly #parts: HookParts;
  readonly #breaker: CircuitBreaker;
  readonly #failed: RareWarning;
  readonly #groups: ReadonlySet<GroupId>;
  #underWay = 0;
  /** Since when no question was answered well, and why; undefined when the last one was. */
  #failing: { readonly since: number; problem: string } | undefined;

  constructor(settings: HookSettings, parts: HookParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#groups = new Set(settings.groups);
    this.#breaker = new CircuitBreaker({
      failures: FAILURES,
      openMs: OPEN_MS,
      ...(parts.now !== undefined && { now: parts.now }),
    });
    this.#failed = new RareWarning(parts.logger, 'moderation.failed');
  }

  /** Whether the business system is to be asked about messages to this stream. */
  concerns(to: StreamRef): boolean {
    if (this.#groups.size === 0) return true;
    const group = groupOf(to);
    return group !== undefined && this.#groups.has(group);
  }

  /** What does not work, as a line; undefined when all is well. */
  get problem(): string | undefined {
    if (this.#failing === undefined) return undefined;
    const { since, problem } = this.#failing;
    const meanwhile = { allow: 'are stored unchecked', hold: 'are held', refuse: 'are refused' };
    return `the moderation system at ${loggedHost(this.#settings.url)} fails since ${new Date(since).toISOString()}, and messages ${meanwhile[this.#settings.fallback]}: ${problem}`;
  }

  /**
   * Asks about a content. Undefined: it has nothing that could be asked about.
   * @param content an encoded Content: what would be stored
   */
  ask(request: SendRequest, content: Uint8Array): Promise<HookDecision> | undefined {
    const decoded = decodeContent(content);
    if (decoded === undefined || (decoded.texts.length === 0 && decoded.body.length === 0)) return undefined;
    return this.#ask(request, content, decoded);
  }

  async #ask(request: SendRequest, content: Uint8Array, decoded: Content): Promise<HookDecision> {
    if (this.#underWay >= UNDER_WAY) return this.#fallback(`${UNDER_WAY} questions are under way`);
    if (!this.#breaker.admits()) return this.#fallback(this.#failing?.problem ?? 'it did not answer');
    const { actor, to, producer, counter } = request;
    const id = messageId(actor.userId, producer, counter);
    // A number that was not used up may come again with another content.
    const digest = hash('sha256', content, 'base64url').slice(0, 11);
    const { url, secret, deadlineMs } = this.#settings;
    this.#underWay++;
    const answer = await this.#parts.outcall.post({
      ...{ url, id: `message.check:${id}:${digest}`, secrets: [secret], deadlineMs },
      body: JSON.stringify({
        ...{ type: 'message.check', timestamp: new Date().toISOString() },
        data: { ...toldMessage({ id, sender: actor, to, content }), door: request.door },
      }),
    });
    this.#underWay--;
    const read = readAnswer(answer, decoded);
    this.#parts.observer.moderationAsked(
      read.problem === undefined ? 'answered' : 'failed',
      answer.ms / 1_000,
    );
    if (read.problem !== undefined) return this.#fails(read.problem);
    this.#breaker.succeeded();
    if (this.#failing !== undefined) {
      this.#failing = undefined;
      this.#parts.logger.warn({ host: loggedHost(url) }, 'moderation.answers-again');
    }
    this.#parts.observer.moderated('hook', COUNTED[read.decision.action]);
    return read.decision;
  }

  #fails(problem: string): HookDecision {
    this.#breaker.failed();
    if (this.#failing === undefined) this.#failing = { since: Date.now(), problem };
    else this.#failing.problem = problem;
    const { url, fallback } = this.#settings;
    this.#failed.due({ host: loggedHost(url), fallback, problem });
    return this.#fallback(problem);
  }

  #fallback(problem: string): HookDecision {
    this.#parts.observer.moderated('hook', 'fallback');
    switch (this.#settings.fallback) {
      case 'allow':
        return { action: 'allow' };
      case 'hold':
        return { action: 'hold', reason: `not checked: ${problem}` };
      case 'refuse':
        return { action: 'unchecked' };
    }
  }
}

const COUNTED = {
  allow: 'allowed',
  replace: 'replaced',
  refuse: 'refused',
  hold: 'held',
  unchecked: 'fallback',
} as const;

type Read =
  | { readonly decision: HookDecision; readonly problem?: undefined }
  /** Why the answer cannot be used. */
  | { readonly problem: string };

function readAnswer(answer: OutcallAnswer, content: Content): Read {
  if (answer.outcome === 'failed') return { problem: answer.text };
  const { status, body, whole } = answer;
  if (status < 200 || status > 299) return { problem: `HTTP ${status}` };
  if (!whole) return { problem: 'the answer is too long' };
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return { problem: 'the answer is not JSON' };
  }
  const { action, reason, texts } = (typeof json === 'object' && json !== null ? json : {}) as Readonly<
    Record<string, unknown>
  >;
  switch (action) {
    case 'allow':
      return { decision: { action } };
    case 'refuse':
    case 'hold':
      return { decision: { action, reason: reasonIn(reason) } };
    case 'replace':
      return replaced(content, texts);
    default:
      return { problem: 'the answer has no action that is allow, refuse, replace or hold' };
  }
}

function replaced(content: Content, texts: unknown): Read {
  if (!Array.isArray(texts) || !texts.every((text): text is string => typeof text === 'string'))
    return { problem: 'the answer says replace and has no list of texts' };
  const next = { ...content, texts: texts.map((text) => text.toWellFormed()), changed: false };
  const { problem } = factsOf(next);
  if (problem !== undefined) return { problem: `the texts of the answer cannot be stored: ${problem}` };
  return { decision: { action: 'replace', content: encodeContent({ ...next, changed: true }) } };
}

/** For people: one line without control characters. */
const reasonIn = (reason: unknown): string =>
  typeof reason === 'string'
    ? [
        ...reason
          .toWellFormed()
          .replace(/[\p{C}\s]+/gu, ' ')
          .trim(),
      ]
        .slice(0, REASON_CHARACTERS)
        .join('')
    : '';
