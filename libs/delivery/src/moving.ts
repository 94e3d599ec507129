/** The messages about moving sessions from one im-server to the others. */
import { cim } from '@cim/protocol';

/** Why sessions move. `drain`: all are to leave the im-server. `rebalance`: it has more than its share. */
export type Moving = 'drain' | 'rebalance';

export interface MoveRequest {
  /** `ask` changes nothing. `end`: the im-server serves as before. */
  readonly act: 'ask' | 'end' | Moving;
  /** Sessions per second; absent: the setting of the im-server. */
  readonly rate?: number;
  /** For a rebalance: the im-server keeps at least this many sessions. */
  readonly keep?: number;
  /** For a drain: the process ends when no session is left. */
  readonly thenExit?: boolean;
}

/** The state of a move. */
export interface MoveStanding {
  readonly moving: Moving | undefined;
  /** Number of sessions, by wire. */
  readonly own: number;
  readonly cim: number;
  /** Sessions that still have to move. */
  readonly left: number;
  /** Sessions that were asked to move since the move began. */
  readonly moved: number;
  /** Sessions per second. */
  readonly rate: number;
  readonly thenExit: boolean;
  /** Why no session moves now, for people; '' when nothing prevents it. */
  readonly waits: string;
}

const { ASK_MOVE, DRAIN, REBALANCE, END_MOVE } = cim.MoveAct;
const ACTS = { ask: ASK_MOVE, drain: DRAIN, rebalance: REBALANCE, end: END_MOVE } as const;

const movingOf = (act: cim.MoveAct): Moving | undefined =>
  act === DRAIN ? 'drain' : act === REBALANCE ? 'rebalance' : undefined;

export const encodeMove = ({ act, rate = 0, keep = 0, thenExit = false }: MoveRequest): Uint8Array =>
  cim.MoveCall.encode({ act: ACTS[act], rate, keep, thenExit }).finish();

export function decodeMove(payload: Uint8Array): MoveRequest {
  const { act, rate, keep, thenExit } = cim.MoveCall.decode(payload);
  return {
    act: act === END_MOVE ? 'end' : (movingOf(act) ?? 'ask'),
    ...(rate > 0 && { rate }),
    ...{ keep, thenExit },
  };
}

export const encodeStanding = ({ moving, ...standing }: MoveStanding): Uint8Array =>
  cim.MoveReply.encode({ ...standing, moving: ACTS[moving ?? 'ask'] }).finish();

export function decodeStanding(reply: Uint8Array): MoveStanding {
  const { moving, own, cim: ofCim, left, moved, rate, thenExit, waits } = cim.MoveReply.decode(reply);
  return { moving: movingOf(moving), own, cim: ofCim, left, moved, rate, thenExit, waits };
}
