/** Coming over from CIM: the part `import` of the program `cim`. */
import { environment } from './config.ts';
import { runImport } from './run.ts';

export async function startImport(words: readonly string[]): Promise<void> {
  const streams = {
    out: (text: string) => void process.stdout.write(text),
    err: (line: string) => console.error(line),
  };
  process.exitCode = await runImport(words, streams, environment);
}
