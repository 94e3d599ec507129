/** The sources of an older version, built with the packages that are installed here. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

export class OldSources implements AsyncDisposable {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** @throws {Error} one line that says what to do: this clone does not have the commit */
  static async of(commit: string): Promise<OldSources> {
    await run('git', ['-C', ROOT, 'cat-file', '-e', `${commit}^{commit}`]).catch((cause: unknown) => {
      throw new Error(
        `this clone does not have the commit ${commit}: fetch the whole history (git fetch --unshallow), or name another commit with --from`,
        { cause },
      );
    });
    const sources = new OldSources(await mkdtemp(join(tmpdir(), 'cim-old-')));
    try {
      await sources.#build(commit);
    } catch (error) {
      await sources[Symbol.asyncDispose]();
      throw error;
    }
    return sources;
  }

  async #build(commit: string): Promise<void> {
    const { root } = this;
    const archive = join(root, 'sources.tar');
    await run('git', ['-C', ROOT, 'archive', '--output', archive, commit]);
    await run('tar', ['-xf', archive, '-C', root]);
    await this.#linkPackages();
    await run(process.execPath, ['scripts/build.mjs'], { cwd: root });
  }

  /** Each package is the one that is installed here, but those of the project are its own. */
  async #linkPackages(): Promise<void> {
    const [from, to] = [join(ROOT, 'node_modules'), join(this.root, 'node_modules')];
    await mkdir(join(to, '@cim'), { recursive: true });
    for (const name of await readdir(from))
      if (name !== '@cim') await symlink(join(from, name), join(to, name));
    for (const kind of ['libs', 'apps'])
      for (const folder of await readdir(join(this.root, kind))) {
        const path = join(this.root, kind, folder);
        const { name } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as { name: string };
        if (name.startsWith('@cim/')) await symlink(path, join(to, name));
      }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
