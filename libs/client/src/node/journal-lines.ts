import { isProducerId, isSeq } from '@cim/protocol';
import type { SendRecord } from '../send-journal.ts';

/** Version 3: sends to any group, with content of any type. */
export const VERSION = 'cim-sends-3';
/** Version 2: every group is the lobby, and every content is texts. */
export const VERSION_2 = 'cim-sends-2';
/** Version 1: content and number were two records. It also stored the counters, which are no longer used. */
export const VERSION_1 = 'cim-sends-1';

/** A record as one line of JSON. */
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

/**
 * Parses a line. `'none'`: a record of an old version that is no longer used. Undefined: the line cannot be
 * read.
 */
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

/** The fields of a line; empty when it is not a JSON array. */
export function fieldsOfLine(line: string): unknown[] {
  try {
    const fields: unknown = JSON.parse(line);
    return Array.isArray(fields) ? fields : [];
  } catch {
    return [];
  }
}
