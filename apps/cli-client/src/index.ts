/** The terminal client as a part of the program `cim`. */

/** Reads `process.argv`, runs the chat and ends the process. */
export const startTerminal = (): Promise<unknown> => import('./main.ts');
