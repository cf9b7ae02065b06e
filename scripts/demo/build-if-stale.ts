import { spawnSync } from 'node:child_process'
import { glob, stat } from 'node:fs/promises'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')

/** Compiles the package, unless what is compiled is newer than every source file. */
export async function buildIfStale(say: (text: string) => void): Promise<void> {
  if (await isFresh()) return
  say('Building …')
  const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'build.ts')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error('The package does not build')
}

async function isFresh(): Promise<boolean> {
  const built = await modifiedMs(join(root, 'dist', 'cli', 'main.js'))
  for await (const file of glob('src/**/*.*', { cwd: root })) {
    if ((await modifiedMs(join(root, file))) > built) return false
  }
  return (await modifiedMs(join(root, 'package-lock.json'))) <= built
}

async function modifiedMs(file: string): Promise<number> {
  const stats = await stat(file).catch(() => undefined)
  return stats?.mtimeMs ?? 0
}
