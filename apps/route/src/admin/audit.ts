/** The audit log. Every act of an operator is one line of the log, at every log level. */
import { auditLogger, type Logger } from '@cim/runtime';

/** An act of an operator. It holds ids and names, never secrets and never texts of messages. */
export interface AdminAct {
  /** Name of the credential that acted, such as `admin-token`. */
  readonly actor: string;
  /** Name of the act, such as `user.ban`. */
  readonly act: string;
  /** The object of the act, such as `user 1001`. */
  readonly target: string;
  /** Address that the request came from. */
  readonly from: string;
  readonly outcome: 'done' | 'refused' | 'failed';
}

export type Audit = (act: AdminAct) => void;

/** Makes an audit that logs each act as a line `admin.act`. */
export function auditTo(logger: Logger): Audit {
  const audited = auditLogger(logger);
  return (act) => audited.info(act, 'admin.act');
}
