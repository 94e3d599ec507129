// npm run fuzz [-- --long] [--door tcp|ws|http] [--seed N] [--frames N] [--with-limits] [--lives N,N]: hostile frames and
// requests against a real server, and what was found.
import { trial } from './trial.mjs';

await trial('test/fuzz/main.ts', false);
