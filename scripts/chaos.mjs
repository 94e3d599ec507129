// npm run chaos [-- --seed N] [--long] [--only NAME] [--minutes N] [--json FILE] [--wire tcp|tls|ws]: breaks a cluster in every way there
// is, and prints what was found. npm run chaos -- --table FILE...: the table of what --json wrote.
import { trial } from './trial.mjs';

await trial('test/chaos/main.ts', true);
