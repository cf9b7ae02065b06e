/* Installs the packed package beside vitest in a folder of its own, and runs the example there. */
import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const examples = join(root, 'docs', 'examples', 'testing')
const folder = await mkdtemp(join(tmpdir(), 'meshwork-vitest-'))

function run(command: string, args: readonly string[], cwd = folder): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

try {
  const packed = run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], root)
  const tarball = packed.trim().split('\n').at(-1) ?? ''
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  run('npm', ['install', '--no-audit', '--no-fund', 'vitest@5', `./${tarball}`])
  for (const file of ['resize.ts', 'resize-vitest.test.ts']) {
    await cp(join(examples, file), join(folder, file))
  }
  const vitest = join('node_modules', 'vitest', 'vitest.mjs')
  console.log(run(process.execPath, [vitest, 'run', '--reporter=verbose']))
} finally {
  await rm(folder, { recursive: true, force: true })
}
