import { isProducerId, isSeq, isUserId, type MessageId } from '@cim/protocol';
import { DEVICE_CHARACTERS } from './producer-ids.ts';
import type { Cursor, SavedState, StoredCounter } from './state.ts';

/** Parses a state from JSON, also one of an older version; undefined when it is not valid. */
export function parseState(raw: unknown): SavedState | undefined {
  if (!isRecord(raw)) return undefined;
  const { userId, session, producers, cursors, device } = raw;
  if (!isUserId(userId) || typeof session !== 'string' || !Array.isArray(producers)) return undefined;
  if (!isRecord(cursors) || !producers.every(isProducerId)) return undefined;
  const readCursors: Record<string, Cursor> = {};
  for (const [stream, value] of Object.entries(cursors)) {
    if (!isRecord(value) || !isSeq(value['seq']) || typeof value['id'] !== 'string') return undefined;
    readCursors[stream] = { seq: value['seq'], id: value['id'] as MessageId };
  }
  return {
    userId,
    ...(typeof raw['userName'] === 'string' && { userName: raw['userName'] }),
    device: isDevice(device) ? device : '',
    session,
    producers,
    cursors: readCursors,
    seen: readSeen(raw['seen']),
    stored: readStored(raw['stored']),
  };
}

/** A file of the first version has none. */
function readSeen(raw: unknown): SavedState['seen'] {
  if (!isRecord(raw)) return {};
  const seen: Record<string, MessageId[]> = {};
  for (const [stream, ids] of Object.entries(raw))
    if (Array.isArray(ids)) seen[stream] = ids.filter((id): id is MessageId => typeof id === 'string');
  return seen;
}

function readStored(raw: unknown): SavedState['stored'] {
  if (!isRecord(raw)) return {};
  const stored: Record<string, StoredCounter> = {};
  for (const [stream, value] of Object.entries(raw)) {
    if (!isRecord(value)) continue;
    const { producer, counter, seq, at } = value;
    if (isProducerId(producer) && isSeq(counter) && isSeq(at))
      stored[stream] = { producer, counter, seq: isSeq(seq) ? seq : 0, at };
  }
  return stored;
}

const isDevice = (value: unknown): value is string =>
  isProducerId(value) && value.length === DEVICE_CHARACTERS;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
