/** The audit log: every act of an operator is one line of the log, whatever the log level. */
import { auditLogger, type Logger } from '@cim/runtime';

/** An act of an operator. It holds ids and names, never secrets and never texts. */
export interface AdminAct {
  /** The credential that acted, by its name: `admin-token`. */
  readonly actor: string;
  /** Such as `user.ban`. */
  readonly act: string;
  /** What it was done to, such as `user 1001`. */
  readonly target: string;
  /** Address that the request came from. */
  readonly from: string;
  readonly outcome: 'done' | 'refused' | 'failed';
}

export type Audit = (act: AdminAct) => void;

/** Writes each act as a line `admin.act`. */
export function auditTo(logger: Logger): Audit {
  const audited = auditLogger(logger);
  return (act) => audited.info(act, 'admin.act');
}
