import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mutant, Patch } from './mutant.ts'

const root = join(import.meta.dirname, '..', '..')

/** The longest that one exploration of a mutant may take, in milliseconds. */
const runMs = 600_000

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: string
  readonly killed: boolean
  /** The shape that has found it, and what it broke. */
  readonly by: string
  /** States visited until then, over all shapes. */
  readonly states: number
}

/** A source file with a patch; undefined if the text to be replaced is not there exactly once. */
export function applyPatch(source: string, { from, to }: Patch): string | undefined {
  const parts = source.split(from)
  return parts.length === 2 ? parts.join(to) : undefined
}

/** The files of a mutant as they are in the repository, each with its patches. */
export async function patchedFiles({ name, patches }: Mutant): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  for (const patch of patches) {
    const path = join('src', 'core', patch.file)
    const source = files.get(path) ?? (await readFile(join(root, path), 'utf8'))
    const patched = applyPatch(source, patch)
    if (patched === undefined) throw new Error(`Mutant ${name} does not match ${path} exactly once`)
    files.set(path, patched)
  }
  return files
}

/** Puts a mutant into a copy of the sources and explores its shapes until one finds it. */
export async function runMutant(mutant: Mutant): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'mutant-'))
  try {
    for (const part of [
      'src/core',
      'src/simulator/explore',
      'scripts/explore.ts',
      'package.json',
    ]) {
      await cp(join(root, part), join(folder, part), { recursive: true })
    }
    for (const [path, text] of await patchedFiles(mutant)) await writeFile(join(folder, path), text)
    let states = 0
    for (const shape of mutant.shapes) {
      const found = await exploreIn(folder, shape)
      states += found.states
      if (found.problem === '') continue
      return { mutant: mutant.name, killed: true, by: `${shape}: ${found.problem}`, states }
    }
    return { mutant: mutant.name, killed: false, by: '', states }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs the exploration of a copy in a process of its own. */
async function exploreIn(
  folder: string,
  shape: string,
): Promise<{ problem: string; states: number }> {
  const script = join(folder, 'scripts', 'explore.ts')
  const child = spawn(process.execPath, [script, '--json', '--shape', shape], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.timeout(runMs),
  })
  let told = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0 && code !== 1) throw new Error(`The exploration ended with ${code}: ${errors}`)
  const { states, violations } = JSON.parse(told) as { states: number; violations: string[] }
  return { problem: violations[0]?.split('\n')[0] ?? '', states }
}
