// npm run upgrade-test [-- --from COMMIT] [--seed N]: replaces a cluster of an older version by this one, server by server, under load.
import { trial } from './trial.mjs';

await trial('test/upgrade/main.ts', true);
