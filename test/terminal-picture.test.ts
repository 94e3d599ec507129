/**
 * What the terminal shows at three sizes, row by row, and the picture of it in the documents. WRITE_SCREENS=1 writes the
 * files of `test/screens` anew, `npm run screenshots` the picture.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from '@cim/testkit';
import { openScene, PICTURE, playScene, timeless } from './terminal-scene.ts';
import { svgOf, textOf } from './terminal-svg.ts';

const SCREENS = fileURLToPath(new URL('screens', import.meta.url));
const SVG = fileURLToPath(new URL('../docs/pictures/terminal.svg', import.meta.url));
const write = process.env['WRITE_SCREENS'] === '1';

let folder: string;
let server: ServerProcess;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cim-terminal-picture-'));
  server = await ServerProcess.start('standalone', {
    CIM_DATA_DIR: join(folder, 'data'),
    CIM_SESSION_POLICY: 'devices',
  });
  await playScene(server.routeUrl);
});
after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

async function shownAt(size: { readonly columns: number; readonly rows: number }) {
  const terminal = await openScene(server.routeUrl, folder, size);
  try {
    const colours = await terminal.screenInColours();
    return { screen: await terminal.screen(), colours, cursor: await terminal.cursor() };
  } finally {
    await terminal.stop();
  }
}

describe('the terminal', () => {
  for (const [columns, rows] of [
    [40, 15],
    [80, 24],
    [200, 50],
  ] as const)
    it(`shows a group as drawn in ${columns}x${rows}.txt`, async () => {
      const path = join(SCREENS, `${columns}x${rows}.txt`);
      const { screen } = await shownAt({ columns, rows });
      const shown = `${timeless(screen)}\n`;
      if (write) {
        mkdirSync(SCREENS, { recursive: true });
        writeFileSync(path, shown);
      }
      assert.equal(shown, readFileSync(path, 'utf8'));
    });

  it('looks as in the picture of the documents', async () => {
    const { screen, colours, cursor } = await shownAt(PICTURE);
    const made = svgOf(colours, { ...PICTURE, cursor });
    assert.equal(textOf(made), screen, 'a picture has the text of the screen');
    const kept = readFileSync(SVG, 'utf8');
    assert.equal(timeless(textOf(kept)), timeless(screen), 'npm run screenshots makes it anew');
  });
});
