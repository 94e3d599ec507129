// npm run conformance -- --route URL [--wire NAME]: checks a server against the documents. --help lists all options.
import { spawn } from 'node:child_process';
import { checkNode, install, needs } from './set-up.mjs';

checkNode();
await install();
needs('tsx');
const args = ['--import', 'tsx', 'test/conformance/main.ts', ...process.argv.slice(2)];
spawn(process.execPath, args, { stdio: 'inherit' }).on('exit', (status) => process.exit(status ?? 1));
