/** How an im-server is asked to move its sessions to the others, and what it answers. */
import { cim } from '@cim/protocol';

/** Why sessions move: the im-server is to be left by all, or it has more than its share. */
export type Moving = 'drain' | 'rebalance';

export interface MoveRequest {
  /** `ask` changes nothing. `end`: serve as before. */
  readonly act: 'ask' | 'end' | Moving;
  /** Sessions a second; absent: what the im-server is set to. */
  readonly rate?: number;
  /** Of a rebalance: never fewer sessions than this. */
  readonly keep?: number;
  /** Of a drain: the process ends when no session is left. */
  readonly thenExit?: boolean;
}

/** How it stands. */
export interface MoveStanding {
  readonly moving: Moving | undefined;
  /** Sessions, by wire. */
  readonly own: number;
  readonly cim: number;
  /** Sessions that are to move still. */
  readonly left: number;
  /** Sessions that were asked to move since it began. */
  readonly moved: number;
  /** Sessions a second. */
  readonly rate: number;
  readonly thenExit: boolean;
  /** Why none moves now, for people; '' when nothing is in its way. */
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
