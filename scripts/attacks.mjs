// npm run attacks: the attacks of test/attacks.test.ts in their full sizes, with what the victim saw of each.
import { trial } from './trial.mjs';

process.env['CIM_ATTACKS'] = 'long';
await trial('test/attacks.test.ts', false);
