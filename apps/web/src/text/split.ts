import { fenceAfter } from './segments.ts';

/** Bytes of one text at most, and of all texts of one message: docs/protocol.md, "Contents". */
export const TEXT_BYTES = 8 * 1024;
const MESSAGE_BYTES = 32 * 1024;
/** Room in a text of several for fences around it [bytes]. A fence that is longer than it allows is not repeated. */
const SPARE = 40;
const encoder = new TextEncoder();
const bytesOf = (text: string): number => encoder.encode(text).length;

/**
 * Cuts a long text into messages, each of texts that the server takes. It cuts behind lines, and inside a line only when that
 * line alone is too long. A block of code that is cut ends with its message and begins anew in the next.
 */
export function messagesOf(text: string): string[][] {
  const messages: string[][] = [];
  let message: string[] = [];
  let size = 0;
  let fence = '';
  for (const part of textsOf(text)) {
    const bytes = bytesOf(part) + SPARE;
    if (size + bytes > MESSAGE_BYTES) {
      const isCut = fence !== '' && fence.length < SPARE / 2;
      messages.push(isCut ? message.with(-1, `${message.at(-1) ?? ''}\n${fence}`) : message);
      message = [isCut ? `${fence}\n${part}` : part];
      size = bytes;
    } else {
      message.push(part);
      size += bytes;
    }
    for (const line of part.split('\n')) fence = fenceAfter(line, fence);
  }
  if (message.length > 0) messages.push(message);
  return messages;
}

function textsOf(text: string): string[] {
  if (bytesOf(text) <= TEXT_BYTES) return text === '' ? [] : [text];
  const texts: string[] = [];
  let lines: string[] = [];
  let size = 0;
  const end = (): void => {
    if (lines.length > 0 && lines.some((line) => line !== '')) texts.push(lines.join('\n'));
    lines = [];
    size = 0;
  };
  for (const line of text.split('\n').flatMap(piecesOf)) {
    const bytes = bytesOf(line) + 1;
    if (size + bytes > TEXT_BYTES - SPARE) end();
    lines.push(line);
    size += bytes;
  }
  end();
  return texts;
}

/** A line in pieces that fit, cut between characters. */
function piecesOf(line: string): string[] {
  if (bytesOf(line) < TEXT_BYTES - SPARE) return [line];
  const pieces: string[] = [];
  let piece: string[] = [];
  let size = 0;
  for (const character of line) {
    const bytes = bytesOf(character);
    if (size + bytes >= TEXT_BYTES - SPARE) {
      pieces.push(piece.join(''));
      piece = [];
      size = 0;
    }
    piece.push(character);
    size += bytes;
  }
  pieces.push(piece.join(''));
  return pieces;
}
