/** Where a stream goes on for a client that presents a cursor, or none (docs/protocol.md, "Resume"). */
import { cim, type MessageId, type Seq, type StreamRef, type UserId } from '@cim/protocol';
import type { Cursor, Streams } from '@cim/store';

/** A group's backlog whose first missed entry is older than this is not sent by itself, in ms. */
const CATCH_UP_MS = 3_600_000;
/** Then only so many of its newest entries are. */
const CATCH_UP_ENTRIES = 100;
/**
 * A client knows twice as many of the entries it had last by their ids (docs/protocol.md, "Resume"): so many may have been
 * lost, and none that it has is shown again; so many may have come since, and none of them is passed over.
 */
const KNOWN_ENTRIES = 2_000;

export interface ResumeAnswer {
  readonly next: Seq;
  readonly answer: cim.ResumeAnswer;
  readonly from: Seq;
  readonly to: Seq;
  /** Newest entry of the stream as it was found. */
  readonly top: Seq;
  /** CONTINUE: of the entry at `to`, '-' when there is none. */
  readonly id: string;
  /** Of the entry before `next`; '' when that is not known, or there is none. */
  readonly last: MessageId;
  /** What the client has and the store does not know that it has. */
  readonly unacked?: Cursor;
}

/**
 * May throw when the store does not answer.
 * @param cursor undefined for a client without one
 * @param had the client has had all up to this once, if that is more
 */
export async function resumeAt(
  streams: Streams,
  user: UserId,
  stream: StreamRef,
  cursor: Cursor | undefined,
  had: Seq = 0 as Seq,
): Promise<ResumeAnswer> {
  const answer = await resumeBy(streams, streams, user, stream, cursor, had);
  if (answer.answer !== cim.ResumeAnswer.RESET || streams.kept === streams) return answer;
  return resumeBy(streams.kept, streams, user, stream, cursor, had);
}

async function resumeBy(
  log: Streams['kept'],
  cursors: Pick<Streams, 'cursor'>,
  user: UserId,
  stream: StreamRef,
  cursor: Cursor | undefined,
  had: Seq,
): Promise<ResumeAnswer> {
  const starts = cursor === undefined && stream.kind === 'group';
  const [position, acked] = await Promise.all([
    log.position(stream),
    starts ? undefined : cursors.cursor(user, stream),
  ]);
  const at = (
    answer: cim.ResumeAnswer,
    next: number,
    from: number,
    to: number,
    id = '',
    last = id,
  ): ResumeAnswer => ({
    answer,
    next: next as Seq,
    from: from as Seq,
    to: to as Seq,
    top: position.top,
    id,
    last: (last === '-' ? '' : last) as MessageId,
  });

  if (starts) return at(cim.ResumeAnswer.CONTINUE, position.top + 1, 0, position.top, position.topId || '-');

  const holds = async (c: Cursor): Promise<boolean> => {
    if (c.seq === 0) return true;
    if (c.seq > position.top) return false;
    if (c.seq === position.top) return c.id === position.topId;
    if (c.seq + 1 < position.first) return true; // trimmed: nothing is left to compare with
    const after = await log.peek(stream, (c.seq + 1) as Seq);
    return after?.prev === c.id;
  };
  const presented = cursor ?? acked ?? { seq: 0 as Seq, id: '' as Cursor['id'] };
  if (!(await holds(presented))) {
    const acknowledged = acked !== undefined && (await holds(acked)) ? acked.seq : 0;
    // What was lost lies near the end. Older entries, which the client would not know any more, it would show again.
    const known = Math.min(Math.max(presented.seq, had), position.top) - KNOWN_ENTRIES;
    const from = Math.max(acknowledged + 1, known + 1, position.first);
    const first = await log.peek(stream, from as Seq);
    const last = first === undefined ? position.topId : first.seq === from ? first.prev : '';
    return at(cim.ResumeAnswer.RESET, from, from, position.top, '', last);
  }
  if (presented.seq + 1 < position.first)
    return at(cim.ResumeAnswer.EXPIRED, position.first, presented.seq + 1, position.first - 1);
  if (stream.kind === 'group' && position.top - presented.seq > CATCH_UP_ENTRIES) {
    const [missed, newest] = await Promise.all([
      log.peek(stream, (presented.seq + 1) as Seq),
      log.peek(stream, position.top),
    ]);
    const age = (newest?.storedAt ?? 0) - (missed?.storedAt ?? 0);
    if (age > CATCH_UP_MS) {
      const next = position.top - CATCH_UP_ENTRIES + 1;
      return at(cim.ResumeAnswer.SKIPPED, next, presented.seq + 1, next - 1);
    }
  }
  const going = at(
    cim.ResumeAnswer.CONTINUE,
    presented.seq + 1,
    presented.seq + 1,
    presented.seq,
    presented.id || '-',
  );
  return presented.seq > (acked?.seq ?? 0) ? { ...going, unacked: presented } : going;
}
