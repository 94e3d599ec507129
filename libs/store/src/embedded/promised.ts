/** What can be answered at once, as a promise; what `look` throws, as its rejection. */
export const promised = <T>(look: () => T): Promise<T> =>
  new Promise((resolve) => {
    resolve(look());
  });
