/** Decides where a stream goes on for a client that presents a cursor, or none (docs/protocol.md, "Resume"). */
import { cim, type MessageId, type Seq, type StreamRef } from '@cim/protocol';
import { type Cursor, policyOf, type Streams, type UserDevice } from '@cim/store';

/**
 * A client that missed more than `CATCH_UP_ENTRIES` of a group gets only the newest `CATCH_UP_ENTRIES` if it
 * was away too long: the first missed entry is this much older than the newest one [ms], or is no longer
 * kept.
 */
const CATCH_UP_MS = 3_600_000;
const CATCH_UP_ENTRIES = 100;
/**
 * A client remembers the ids of twice as many of its last entries (docs/protocol.md, "Resume"). So after a
 * loss of up to this many entries no entry is shown again, and up to this many entries that came since are
 * not skipped.
 */
const KNOWN_ENTRIES = 2_000;

export interface ResumeAnswer {
  readonly next: Seq;
  readonly answer: cim.ResumeAnswer;
  readonly from: Seq;
  readonly to: Seq;
  /** The newest entry of the stream at the time of the question. */
  readonly top: Seq;
  /** For CONTINUE: the id of the entry at `to`, or '-' when there is none. */
  readonly id: string;
  /** The id of the entry before `next`; '' when it is not known, or there is none. */
  readonly last: MessageId;
  /** The acked cursor that the device starts with, when the store has none of this device or a lower one. */
  readonly unacked?: Cursor;
}

/**
 * Decides where one stream goes on. May throw when the store does not answer.
 * @param cursor undefined for a client without one
 * @param had the highest seq that was ever sent to this client
 * @param joined in a group with members: the entry that made the user a member. Nothing before it is sent
 */
export async function resumeAt(
  streams: Streams,
  device: UserDevice,
  stream: StreamRef,
  cursor: Cursor | undefined,
  had: Seq = 0 as Seq,
  joined: Seq = 1 as Seq,
): Promise<ResumeAnswer> {
  const answer = await resumeBy(streams, streams, device, stream, cursor, had, joined);
  if (answer.answer !== cim.ResumeAnswer.RESET || streams.kept === streams) return answer;
  return resumeBy(streams.kept, streams, device, stream, cursor, had, joined);
}

async function resumeBy(
  log: Streams['kept'],
  cursors: Pick<Streams, 'cursor' | 'highestCursor'>,
  { userId, device }: UserDevice,
  stream: StreamRef,
  cursor: Cursor | undefined,
  had: Seq,
  joined: Seq,
): Promise<ResumeAnswer> {
  const policy = policyOf(stream);
  const starts = cursor === undefined && policy.startsAt === 'end';
  const [position, own, highest] = await Promise.all([
    log.position(stream),
    starts ? undefined : cursors.cursor(userId, device, stream),
    starts || policy.startsAt === 'join' ? undefined : cursors.highestCursor(userId, stream),
  ]);
  // A device that was never here begins where the user's other devices are.
  const acked = own ?? highest;
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
    if (c.seq + 1 < position.first) return true; // it was trimmed: nothing is left to compare with
    const after = await log.peek(stream, (c.seq + 1) as Seq);
    return after?.prev === c.id;
  };
  const awayTooLong = async (since: number): Promise<boolean> => {
    if (policy.catchUp === 'all' || position.top - since <= CATCH_UP_ENTRIES) return false;
    if (since + 1 < position.first) return true;
    const [missed, newest] = await Promise.all([
      log.peek(stream, (since + 1) as Seq),
      log.peek(stream, position.top),
    ]);
    return (newest?.storedAt ?? 0) - (missed?.storedAt ?? 0) > CATCH_UP_MS;
  };
  const newestOfAll = position.top - CATCH_UP_ENTRIES + 1;
  const named = cursor ?? acked ?? { seq: 0 as Seq, id: '' as Cursor['id'] };
  // A cursor from before the join belongs to an earlier membership. Entries in between are not for this user.
  const joins = named.seq < joined - 1;
  const presented = joins ? { seq: (joined - 1) as Seq, id: '' as Cursor['id'] } : named;
  if (!joins && !(await holds(presented))) {
    const acknowledged = acked !== undefined && (await holds(acked)) ? acked.seq : 0;
    const last = Math.max(presented.seq, had);
    // The store loses entries near the end. The client has forgotten the ids of older entries and would show
    // these again.
    const known = (await awayTooLong(last)) ? newestOfAll : Math.min(last, position.top) - KNOWN_ENTRIES + 1;
    const from = Math.max(acknowledged + 1, known, position.first, joined);
    const first = await log.peek(stream, from as Seq);
    const before = first === undefined ? position.topId : first.seq === from ? first.prev : '';
    return at(cim.ResumeAnswer.RESET, from, from, position.top, '', before);
  }
  if (newestOfAll >= position.first && (await awayTooLong(presented.seq)))
    return at(cim.ResumeAnswer.SKIPPED, newestOfAll, presented.seq + 1, newestOfAll - 1);
  if (presented.seq + 1 < position.first)
    return at(cim.ResumeAnswer.EXPIRED, position.first, presented.seq + 1, position.first - 1);
  const { seq } = presented;
  if (joins) {
    const entry = await log.peek(stream, joined);
    const id = entry?.seq === joined ? entry.prev : '';
    return at(cim.ResumeAnswer.CONTINUE, seq + 1, seq + 1, seq, id);
  }
  const going = at(cim.ResumeAnswer.CONTINUE, seq + 1, seq + 1, seq, presented.id || '-');
  return presented.seq > (own?.seq ?? 0) ? { ...going, unacked: presented } : going;
}
