import { isProducerId, isSeq } from '@cim/protocol';
import type { SendRecord } from '../send-journal.ts';

/** A send goes to any group, and its content has any type. */
export const VERSION = 'cim-sends-3';
/** Every group in it is the lobby, and every content texts: readers of that time show nothing else. */
export const VERSION_2 = 'cim-sends-2';
/** Content and number were two records in it, and it said where counting stood, which counts no more. */
export const VERSION_1 = 'cim-sends-1';

/** A record as a line of JSON. */
export function lineOf(record: SendRecord): string {
  return `${JSON.stringify(fieldsOf(record))}\n`;
}

function fieldsOf(record: SendRecord): (string | number)[] {
  switch (record.kind) {
    case 'offered': {
      const { ref, to, group, producer, counter, offeredAt, after, content } = record;
      return [
        '+',
        ref,
        to,
        group,
        producer,
        counter,
        offeredAt,
        after,
        Buffer.from(content).toString('base64'),
      ];
    }
    case 'numbered':
      return ['#', record.ref, record.producer, record.counter];
    case 'settled':
      return ['-', record.ref];
  }
}

/** `'none'`: a record of an old version that says nothing any more; undefined: the line cannot be read. */
export function recordOf(line: string, version: string): SendRecord | 'none' | undefined {
  const [kind, ref, ...more] = fieldsOfLine(line);
  if (version === VERSION_1 && kind === '=') return 'none';
  if (!isSeq(ref)) return undefined;
  switch (kind) {
    case '+':
      return offeredOf(ref, version === VERSION_1 ? [...more.slice(0, 2), '', 0, more[2], 0, more[3]] : more);
    case '#': {
      const [producer, counter] = more;
      return isProducerId(producer) && isSeq(counter)
        ? { kind: 'numbered', ref, producer, counter }
        : undefined;
    }
    case '?':
      return version === VERSION_1 ? { kind: 'numbered', ref, producer: '', counter: 0 } : undefined;
    case '-':
      return { kind: 'settled', ref };
    default:
      return undefined;
  }
}

function offeredOf(ref: number, fields: readonly unknown[]): SendRecord | undefined {
  const [to, group, producer, counter, offeredAt, after, content] = fields;
  if (!isSeq(to) || typeof group !== 'string' || typeof content !== 'string') return undefined;
  if (!isSeq(counter) || !isSeq(offeredAt) || !isSeq(after)) return undefined;
  if (counter === 0 ? producer !== '' : !isProducerId(producer)) return undefined;
  const about = { ref, to, group, offeredAt, after, content: Buffer.from(content, 'base64') };
  return { kind: 'offered', ...about, producer: isProducerId(producer) ? producer : '', counter };
}

/** Empty when the line is no JSON array. */
export function fieldsOfLine(line: string): unknown[] {
  try {
    const fields: unknown = JSON.parse(line);
    return Array.isArray(fields) ? fields : [];
  } catch {
    return [];
  }
}
