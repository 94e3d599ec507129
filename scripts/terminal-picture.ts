// Part of npm run screenshots: makes the picture of the terminal in docs/pictures/, from the real terminal in tmux.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from '../libs/testkit/src/index.ts';
import { PICTURE, openScene, playScene } from '../test/terminal-scene.ts';
import { svgOf } from '../test/terminal-svg.ts';

const pictures = fileURLToPath(new URL('../docs/pictures', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'cim-picture-'));
const data = { CIM_DATA_DIR: join(folder, 'data'), CIM_SESSION_POLICY: 'devices' };
const server = await ServerProcess.start('standalone', data, Infinity);
try {
  await playScene(server.routeUrl);
  const terminal = await openScene(server.routeUrl, folder, PICTURE);
  const svg = svgOf(await terminal.screenInColours(), {
    ...PICTURE,
    cursor: await terminal.cursor(),
  });
  await terminal.stop();
  mkdirSync(pictures, { recursive: true });
  const path = join(pictures, 'terminal.svg');
  writeFileSync(path, svg);
  console.log(`${path}: ${Buffer.byteLength(svg)} bytes`);
} finally {
  await server.end();
  rmSync(folder, { recursive: true, force: true });
}
