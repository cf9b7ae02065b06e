import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Mutant, Patch, SeedPlan } from './mutant.ts'

const root = join(import.meta.dirname, '..', '..')

/** The longest that one exploration of a mutant, or all its seeds, may take, in milliseconds. */
const runMs = 600_000

/** What became of a mutant. */
export interface Verdict {
  readonly mutant: string
  readonly killed: boolean
  /** The shape or the seed that has found it, and what it broke. */
  readonly by: string
  /** States visited until then, over all shapes. */
  readonly states: number
  /** Clusters simulated until then. */
  readonly seeds: number
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

/** Puts a mutant into a copy of the sources; runs its shapes, seeds and tests until one finds it. */
export async function runMutant(mutant: Mutant): Promise<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), 'mutant-'))
  const verdict = { mutant: mutant.name, killed: false, by: '', states: 0, seeds: 0 }
  try {
    for (const part of ['src', 'scripts', 'test', 'package.json']) {
      await cp(join(root, part), join(folder, part), { recursive: true })
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    for (const [path, text] of await patchedFiles(mutant)) await writeFile(join(folder, path), text)
    for (const shape of mutant.shapes) {
      const { states, violations } = await exploreIn(folder, shape)
      verdict.states += states
      const [problem] = violations
      if (problem === undefined) continue
      return { ...verdict, killed: true, by: `${shape}: ${problem.split('\n')[0]}` }
    }
    if (mutant.seeds !== undefined) Object.assign(verdict, await simulateIn(folder, mutant.seeds))
    if (verdict.killed) return verdict
    for (const test of mutant.tests) {
      const failed = await testIn(folder, test)
      if (failed !== undefined) return { ...verdict, killed: true, by: `${test}: ${failed}` }
    }
    return verdict
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs the exploration of a copy in a process of its own. */
async function exploreIn(folder: string, shape: string): Promise<Explored> {
  const run = new ScriptRun(folder, 'explore.ts', ['--json', '--shape', shape])
  const [explored] = await Array.fromAsync(run.objects<Explored>())
  if (explored === undefined) throw new Error(`The exploration of ${shape} told nothing`)
  return explored
}

/** Runs a test of a copy in a process of its own. Returns the first fact that does not hold any more. */
async function testIn(folder: string, test: string): Promise<string | undefined> {
  const words = ['--test', '--test-reporter', 'tap', join(folder, 'test', test)]
  // Tests of tests are skipped where they are told that they are inside of one.
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined }
  const child = spawn(process.execPath, words, {
    ...{ cwd: folder, env, timeout: runMs, stdio: ['ignore', 'pipe', 'inherit'] },
  })
  const closed = once(child, 'close')
  let failed: string | undefined
  for await (const line of createInterface({ input: child.stdout })) {
    failed ??= /^ *not ok \d+ - (.*)/.exec(line)?.[1]
  }
  await closed
  if (failed?.endsWith(test) === true) throw new Error(`${test} cannot be run`)
  return failed
}

/** Runs simulated clusters of a copy in a process of its own, until one finds something. */
async function simulateIn(
  folder: string,
  { first = 1, count, faults }: SeedPlan,
): Promise<Partial<Verdict>> {
  const words = ['--json', '--no-shrink', '--seed', String(first), '--seeds', String(count)]
  const run = new ScriptRun(folder, 'simulate.ts', [...words, '--faults', faults.join(',')])
  let seeds = 0
  for await (const { seed, violations } of run.objects<Simulated>()) {
    // The last line says what all of them have come through.
    if (violations === undefined) continue
    seeds += 1
    const [found] = violations
    if (found === undefined) continue
    return { killed: true, by: `seed ${seed}: ${found.property} ${found.message}`, seeds }
  }
  return { seeds }
}

interface Explored {
  readonly states: number
  readonly violations: readonly string[]
}

interface Simulated {
  readonly seed: number
  readonly violations?: readonly { readonly property: string; readonly message: string }[]
}

/** A script of a copy, which prints an object per line. */
class ScriptRun {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  #errors = ''

  constructor(folder: string, script: string, words: readonly string[]) {
    this.#child = spawn(process.execPath, [join(folder, 'scripts', script), ...words], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: runMs,
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#errors += text))
  }

  /** What it prints. Whoever has heard enough ends it. Throws if it fails in another way than by finding something. */
  async *objects<T>(): AsyncGenerator<T> {
    const closed = once(this.#child, 'close') as Promise<[number | null]>
    try {
      for await (const line of createInterface({ input: this.#child.stdout })) {
        yield JSON.parse(line) as T
      }
      const [code] = await closed
      if (code !== 0 && code !== 1) throw new Error(`It ended with ${code}: ${this.#errors}`)
    } finally {
      this.#child.kill()
      await closed
    }
  }
}
