// Preloaded into the server that is fuzzed: SIGUSR2 collects garbage, and the log says what is in use then.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => {
  // Twice: the first frees what only finalizers held.
  collect();
  collect();
  const line = { level: 30, ...process.memoryUsage(), msg: 'memory.collected' };
  process.stderr.write(`${JSON.stringify(line)}\n`);
});
