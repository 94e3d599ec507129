/** A message in the form in which business systems and operators are told of it (docs/business.md). */
import {
  contentType,
  decodeContent,
  groupOf,
  type MessageId,
  type NamedUser,
  ownerOf,
  type StreamRef,
} from '@cim/protocol';

export interface MessageToTell {
  readonly id: MessageId;
  readonly sender: NamedUser;
  readonly to: StreamRef;
  /** An encoded Content. */
  readonly content: Uint8Array;
}

export interface ToldMessage {
  readonly id: MessageId;
  readonly from: { readonly id: string; readonly name: string };
  readonly to: { readonly user: string } | { readonly group: string };
  readonly type?: string;
  readonly texts?: readonly string[];
  /** JSON, or the bytes in base64. */
  readonly body?: unknown;
  readonly ref?: string;
}

export function toldMessage({ id, sender, to, content }: MessageToTell): ToldMessage {
  const { texts = [], type = '', body, ref = '' } = decodeContent(content) ?? {};
  const recipient = ownerOf(to);
  return {
    id,
    from: { id: String(sender.userId), name: sender.userName },
    to: recipient === undefined ? { group: groupOf(to) ?? '' } : { user: String(recipient) },
    ...(type.length === 0 ? {} : { type }),
    ...(texts.length === 0 ? {} : { texts }),
    ...(body === undefined || body.length === 0 ? {} : { body: shownBody(type, body) }),
    ...(ref === '' ? {} : { ref }),
  };
}

function shownBody(type: string, body: Uint8Array): unknown {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  if (contentType(type).jsonBody)
    try {
      return JSON.parse(bytes.toString('utf8')) as unknown;
    } catch {
      // A version that did not check it has stored it.
    }
  return bytes.toString('base64');
}
