import type { ChildProcess } from 'node:child_process';

const living = new Set<ChildProcess>();
const endAll = (): void => {
  for (const child of living) child.kill('SIGKILL');
};

/** The process is killed with the test's own, however that ends, short of `kill -9`. */
export function endWithUs(child: ChildProcess): void {
  if (living.size === 0) process.on('exit', endAll);
  living.add(child);
  child.once('exit', () => {
    living.delete(child);
    if (living.size === 0) process.off('exit', endAll);
  });
}
