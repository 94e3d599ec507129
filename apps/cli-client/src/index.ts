/** The terminal client, and what scripts use of it, as parts of the program `cim`. */
import type { ScriptName } from './scripts/run-script.ts';

/** Reads `process.argv`, runs the chat and ends the process. */
export const startTerminal = (): Promise<unknown> => import('./main.ts');

/** Runs `cim send` and the like, and sets the exit code of the process. */
export async function startScript(script: ScriptName, words: readonly string[]): Promise<void> {
  const { runScript } = await import('./scripts/run-script.ts');
  process.exitCode = await runScript(script, words, {
    out: (text) => void process.stdout.write(text),
    err: (line) => console.error(line),
    input: () => (process.stdin.isTTY ? undefined : allOf(process.stdin)),
  });
}

async function allOf(input: NodeJS.ReadStream): Promise<string> {
  let text = '';
  for await (const chunk of input.setEncoding('utf8')) text += String(chunk);
  return text;
}
