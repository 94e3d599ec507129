/** Longest CPU time of one turn of the event loop until the work is done [ms]. */
export async function longestTurn(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let at = process.cpuUsage();
  const turn = (): void => {
    const { user, system } = process.cpuUsage(at);
    longest = Math.max(longest, (user + system) / 1_000);
    at = process.cpuUsage();
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  await work;
  clearImmediate(next);
  return longest;
}
