// Loaded before the fuzzed server. On SIGUSR2 the process collects garbage and logs how much memory is in
// use.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => {
  // Collects twice, since the first collection frees what only finalizers held.
  collect();
  collect();
  const line = { level: 30, ...process.memoryUsage(), msg: 'memory.collected' };
  process.stderr.write(`${JSON.stringify(line)}\n`);
});
