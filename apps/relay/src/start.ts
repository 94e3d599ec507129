/**
 * The first code that runs. Loading the program opens many files at once, so the limit of open files is
 * checked before.
 */
import { failStart, requireOpenFiles } from '@cim/runtime';

try {
  requireOpenFiles();
} catch (error) {
  failStart('relay', error);
}
await import('./main.ts');
