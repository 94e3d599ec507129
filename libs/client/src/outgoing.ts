import { CODES, encodeContent, factsOf, textsProblem } from '@cim/protocol';
import type { Outgoing } from './events.ts';
import { wellFormed } from './recipient.ts';

/** A content that is ready to be sent. */
export interface Encoded {
  readonly texts: readonly string[];
  readonly type: string;
  /** Id of the message that it refers to, or ''. */
  readonly about: string;
  readonly content: Uint8Array;
}

/**
 * Encodes what an application sends, or says why it cannot be sent. A program without types may pass
 * anything.
 */
export function encodeOutgoing(
  what: string | readonly string[] | Outgoing,
): Encoded | { readonly code: string; readonly problem: string } {
  const invalid = (problem: string) => ({ code: CODES.invalid.code, problem });
  if (typeof what === 'string') return encodeOutgoing({ texts: [what] });
  if (isList(what)) return encodeOutgoing({ texts: what });
  if (typeof what !== 'object' || (what as unknown) === null)
    return invalid('a message is a text, a list of texts, or { texts, type, body, ref }');
  const { texts: given, type = '', body = new Uint8Array(), ref = '' } = what;
  const texts = typeof given === 'string' ? [given] : (given ?? []);
  if (!isList(texts) || !texts.every((text) => typeof text === 'string'))
    return invalid('a message is a text or a list of texts');
  if (typeof type !== 'string' || typeof ref !== 'string')
    return invalid('type and ref of a message are texts');
  if (typeof body !== 'string' && !((body as unknown) instanceof Uint8Array))
    return invalid('the body of a message is a Uint8Array or a string');
  // Checked before encoding, since there may be any number of texts.
  const problem = texts.length > 0 || type === '' ? textsProblem(texts) : undefined;
  if (problem !== undefined) return invalid(problem);
  const said = {
    texts: texts.map(wellFormed),
    type,
    body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
    ref,
    changed: false,
  };
  const facts = factsOf(said);
  if (facts.problem !== undefined)
    return { code: facts.unknownType ? CODES.unknownType.code : CODES.invalid.code, problem: facts.problem };
  if (facts.author !== 'users')
    return { code: CODES.unknownType.code, problem: `only servers write contents of type ${type}` };
  return { texts, type, about: ref, content: encodeContent(said) };
}

const isList = (value: unknown): value is readonly string[] => Array.isArray(value);
