/** The result of `read` as a promise; an error that it throws becomes a rejection. */
export const promised = <T>(read: () => T): Promise<T> =>
  new Promise((resolve) => {
    resolve(read());
  });
