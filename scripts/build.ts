// Makes dist/: the compiled package with an executable command. Built beside and swapped in, so
// that processes running from dist/ never see half of one.
import { spawnSync } from 'node:child_process'
import { chmod, cp, glob, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(import.meta.dirname, '..')
const fresh = join(root, `.dist-${process.pid}`)
const dist = join(root, 'dist')

function compile(): number {
  const tsc = fileURLToPath(import.meta.resolve('typescript/bin/tsc'))
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', fresh]
  return spawnSync(process.execPath, args, { stdio: 'inherit', cwd: root }).status ?? 1
}

/** What the compiler leaves behind: generated JavaScript, the wire specification, pages. */
async function copyTheRest(): Promise<void> {
  for await (const file of glob('**/*.*', { cwd: join(root, 'src') })) {
    const compiled = file.endsWith('.ts') && !file.endsWith('.d.ts')
    if (compiled || file.endsWith('tsconfig.json')) continue
    await mkdir(dirname(join(fresh, file)), { recursive: true })
    await cp(join(root, 'src', file), join(fresh, file))
  }
}

async function swapIn(): Promise<void> {
  const old = `${fresh}-old`
  await rename(dist, old).catch(() => undefined)
  await rename(fresh, dist)
  await rm(old, { recursive: true, force: true })
}

try {
  const status = compile()
  if (status === 0) {
    await copyTheRest()
    await chmod(join(fresh, 'cli', 'main.js'), 0o755)
    await swapIn()
  }
  process.exitCode = status
} finally {
  await rm(fresh, { recursive: true, force: true })
}
