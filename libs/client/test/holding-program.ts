/** Holds a state file and waits to be killed. Argument: the file. Prints whether it has it. */
import { fileState } from '../src/node/index.ts';

const state = fileState(process.argv[2] ?? '', (line) => console.log(line));
await state.load();
console.log('loaded');
setInterval(() => undefined, 1_000);
