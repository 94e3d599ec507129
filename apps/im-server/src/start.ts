/** What runs first. Loading the program opens many files at once, so the limit is checked before. */
import { endWithSupervisor, failStart, requireOpenFiles } from '@cim/runtime';

try {
  requireOpenFiles();
} catch (error) {
  failStart('im-server', error);
}
endWithSupervisor();
const { config } = await import('./configured.ts');
// A supervisor serves nobody: it loads only what it needs.
await (config.processes > 1 ? import('./several.ts') : import('./main.ts'));
