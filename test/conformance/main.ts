/** `npm run conformance` checks any server against the documents. It shares no code with the product. */
import { check } from './check.ts';

// Whoever reads the lines may have had enough of them.
process.stdout.on('error', () => process.exit(2));

process.exitCode = await check(process.argv.slice(2), {
  out: (line) => console.log(line),
  err: (line) => console.error(line),
});
