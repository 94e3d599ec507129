import assert from 'node:assert/strict';

/** Resolves when the server has closed the channel. Answers how long it took [ms]. */
export async function closedWithin(
  connection: { readonly closed: Promise<void> },
  withinMs: number,
  about = '',
): Promise<number> {
  const begun = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const said = about === '' ? '' : `${about}: `;
    timer = setTimeout(
      () => reject(new Error(`${said}the server has not closed the channel within ${withinMs} ms`)),
      withinMs,
    );
  });
  try {
    await Promise.race([connection.closed, late]);
  } finally {
    clearTimeout(timer);
  }
  return performance.now() - begun;
}

/** Asks again until the answer is true. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean>,
  withinMs = 5_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
