/** `npm run conformance` checks any server against the documents. It shares no code with the product. */
import { check } from './check.ts';

// Whoever reads the lines may have had enough of them.
process.stdout.on('error', () => process.exit(2));

const code = await check(process.argv.slice(2), {
  out: (line) => console.log(line),
  err: (line) => console.error(line),
});
// A server that has not answered a request may never do so: nobody waits for that here.
process.stdout.write('', (error) => process.exit(error ? 2 : code));
