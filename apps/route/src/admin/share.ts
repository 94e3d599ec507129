interface Standing {
  readonly moving: string;
  readonly own: number;
  readonly cim: number;
}

/**
 * The number of sessions that each im-server has when all have the same, rounded up. A draining im-server is
 * left out.
 */
export function shareOf(standings: readonly Standing[]): number {
  const taking = standings.filter(({ moving }) => moving !== 'drain');
  const all = taking.reduce((sum, { own, cim }) => sum + own + cim, 0);
  return Math.ceil(all / Math.max(1, taking.length));
}
