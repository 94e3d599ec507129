import assert from 'node:assert/strict';

/** Resolves when the server has closed the channel. */
export async function closedWithin(
  connection: { readonly closed: Promise<void> },
  withinMs: number,
  about = '',
): Promise<void> {
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
}

/**
 * Resolves when the server has closed a channel. Answers how long that is after `begun` [ms]: a time before the client
 * did what the clock of the server began with. So it is never shorter than that clock ran, however slow the client was.
 */
export async function closedAfter(
  connection: { readonly closed: Promise<void> },
  begun: number,
  withinMs: number,
): Promise<number> {
  await closedWithin(connection, withinMs);
  return performance.now() - begun;
}

/** Asks again until the answer is true. */
export async function eventually(
  what: string,
  isSo: () => Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isSo())) {
    assert.ok(performance.now() < end, `not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
