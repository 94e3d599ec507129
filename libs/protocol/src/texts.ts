import { WireReader } from './wire-reader.ts';

/** What one send may carry: a text of 8 KiB, 100 texts, 32 KiB together (UTF-8). */
export const TEXT_LIMITS = { textBytes: 8 * 1024, batchTexts: 100, batchBytes: 32 * 1024 } as const;

/** Undefined when the texts can be sent, else what is wrong, in words for a person. */
export function textsProblem(texts: readonly string[]): string | undefined {
  if (texts.length === 0) return 'msg is missing; give msg, batchMsg or both';
  if (texts.length > TEXT_LIMITS.batchTexts)
    return `${texts.length} texts in one message; at most ${TEXT_LIMITS.batchTexts} are allowed`;
  let total = 0;
  for (const text of texts) {
    const bytes = Buffer.byteLength(text);
    if (bytes === 0) return 'a text is empty';
    if (bytes > TEXT_LIMITS.textBytes)
      return `a text has ${bytes} bytes; at most ${TEXT_LIMITS.textBytes} are allowed`;
    total += bytes;
  }
  if (total > TEXT_LIMITS.batchBytes)
    return `the texts have ${total} bytes together; at most ${TEXT_LIMITS.batchBytes} are allowed`;
  return undefined;
}

const READER = new WireReader();

/** Whether an encoded `Content` is plain texts that can be sent, seen without making strings. False: it takes a closer look. */
export function isPlainTexts(content: Uint8Array): boolean {
  const { textBytes, batchTexts, batchBytes } = TEXT_LIMITS;
  let texts = 0;
  let total = 0;
  READER.open(content);
  for (let tag = READER.tag(); tag !== 0; tag = READER.tag()) {
    const bytes = tag === 0x0a ? READER.skipText() : 0;
    if (bytes === 0 || bytes > textBytes) return false;
    texts++;
    total += bytes;
  }
  return !READER.odd && texts > 0 && texts <= batchTexts && total <= batchBytes;
}
