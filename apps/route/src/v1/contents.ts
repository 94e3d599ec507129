/** The content of a message as `/v1` has it: texts, or a type with a body, which is JSON or base64. */
import { CimError, cim } from '@cim/protocol';
import { Type } from 'typebox';

/** Types whose body is JSON in UTF-8. Of every other type the body is base64. */
const JSON_TYPES: ReadonlySet<string> = new Set(['json', 'member']);

export const contentShape = {
  type: Type.Optional(
    Type.String({
      description: 'absent: texts; `json`, `recall`, `edit`, `reaction`, or a type of your own',
    }),
  ),
  texts: Type.Optional(
    Type.Array(Type.String(), { maxItems: 100, description: 'at most 8 KiB each, 32 KiB together' }),
  ),
  body: Type.Optional(
    Type.Unknown({
      description: 'of type `json` (and `member`): any JSON; of other types: base64. At most 32 KiB',
    }),
  ),
  ref: Type.Optional(
    Type.String({ maxLength: 256, description: 'id of the message that an event is about' }),
  ),
};

interface GivenContent {
  readonly type?: string | undefined;
  readonly texts?: readonly string[] | undefined;
  readonly body?: unknown;
  readonly ref?: string | undefined;
}

/** @throws {CimError} 3000: the body is not what the type has */
export function encodeContent({ type = '', texts = [], body, ref = '' }: GivenContent): Uint8Array {
  return cim.Content.encode({
    type,
    // JSON can carry half a surrogate pair, UTF-8 cannot.
    texts: texts.map((text) => text.toWellFormed()),
    body: body === undefined ? new Uint8Array() : encodeBody(type, body),
    ref,
  }).finish();
}

function encodeBody(type: string, body: unknown): Uint8Array {
  if (JSON_TYPES.has(type)) {
    try {
      return Buffer.from(JSON.stringify(body));
    } catch {
      // Far more levels than a content may have: too many for the stack.
      throw new CimError('invalid', 'the body is nested too deeply');
    }
  }
  if (type === '') throw new CimError('invalid', 'a text has no body; give a type');
  if (typeof body !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(body) || body.length % 4 !== 0)
    throw new CimError('invalid', `the body of type ${type} must be base64`);
  return Buffer.from(body, 'base64');
}
