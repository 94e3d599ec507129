/** Outcome of a call. `message` is for people. */
export type RpcOutcome =
  /** A view of the read buffer. Copy what must outlive the callback. */
  | { readonly ok: true; readonly payload: Uint8Array }
  | {
      readonly ok: false;
      /**
       * `down`: the call was never sent. `timeout`, `closed`: the call may have been carried out; its answer is not known.
       * `failed`: the other side refused the call, or the call is too long.
       */
      readonly kind: 'timeout' | 'down' | 'closed' | 'failed';
      readonly message: string;
    };
