import { CimError } from '@cim/protocol';

/** The caller has not shown a valid credential: 401. */
export class NotAuthorized extends CimError {
  constructor(detail: string) {
    super('unknownAccount', detail);
  }
}

/** The credential is too old: 401. */
export class Expired extends CimError {
  constructor(detail = 'the session has reached the end of its life; log in again') {
    super('expired', detail);
  }
}
