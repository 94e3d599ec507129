/**
 * The first code that runs. Loading the program opens many files at once, so the limit of open files is
 * checked before.
 */
import { endWithSupervisor, failStart, requireOpenFiles } from '@cim/runtime';

try {
  requireOpenFiles();
} catch (error) {
  failStart('im-server', error);
}
endWithSupervisor();
const { config } = await import('./configured.ts');
// A supervisor serves no clients, so it loads only its own code.
await (config.processes > 1 ? import('./several.ts') : import('./main.ts'));
