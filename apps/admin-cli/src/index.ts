/** `cim admin` as a part of the program `cim`. */
export { runAdmin } from './run.ts';
