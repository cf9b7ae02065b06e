import { spawnSync } from 'node:child_process'
import { cp, glob, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { batchMs } from '../../test/e2e/processes.ts'
import { fetchSource } from './debian-source.ts'
import { ThreeHosts } from './hosts-up.ts'

/** A package whose files compile as they are, without anything that is configured before. */
const sourcePackage = 'lua5.4'

/** Fewer files of C would be no project. */
const filesMin = 30

const flags = ['-O2', '-Wall', '-DLUA_USE_LINUX', '-c']

/**
 * Compiles a C project on three hosts, one of which is killed on the way, and compares the objects
 * with those that this machine makes.
 */
export async function compileProject(say: (line: string) => void): Promise<void> {
  await using hosts = new ThreeHosts()
  const { bed } = hosts
  const project = await fetchSource(sourcePackage, bed.path('apt'))
  const [sources, headers] = await Promise.all([filesIn(project, 'c'), filesIn(project, 'h')])
  if (sources.length < filesMin)
    throw new Error(`${sourcePackage} has ${sources.length} files of C`)
  say(`${sourcePackage}: ${sources.length} files of C, ${headers.length} headers`)

  const here = bed.path('here')
  await cp(project, here, { recursive: true })
  for (const source of sources) gcc(here, source)

  await hosts.start()
  const [first, victim] = hosts.nodes
  if (first === undefined || victim === undefined) throw new Error('There are no hosts')
  const map = bed.spawn(
    [
      ...['map', '--json', '--data', first.dataDir, '--joblog', bed.path('joblog')],
      ...headers.flatMap(header => ['--send', header]),
      ...['--send', '{}', '--return', '{.}.o', 'gcc', ...flags, '{}', '-o', '{.}.o'],
      ...[':::', ...sources],
    ],
    { cwd: project },
  )
  // It has done some, and has others in hand.
  const isItsOwn = ({ node }: { node?: unknown }): boolean => node === victim.peerId
  await map.when('the host that is killed has done something', isItsOwn, batchMs)
  victim.process.kill('SIGKILL')
  const { code } = await map.exited
  if (code !== 0) throw new Error(`map ended with ${code}: ${map.stderr}`)

  for (const source of sources) await mustBeEqual(project, here, source.replace(/c$/, 'o'))
  say(`compiled by ${hosts.sharesOf(map.lines)}; ${victim.name.replace(/^.*-/, '')} was killed`)
  say(`${sources.length} objects are those that gcc makes here`)
}

async function filesIn(folder: string, extension: string): Promise<string[]> {
  const files: string[] = []
  for await (const file of glob(`src/**/*.${extension}`, { cwd: folder })) files.push(file)
  return files.toSorted()
}

function gcc(cwd: string, source: string): void {
  const args = [...flags, source, '-o', source.replace(/c$/, 'o')]
  const { status, stderr, error } = spawnSync('gcc', args, { cwd, encoding: 'utf8' })
  if (error !== undefined) throw new Error('gcc is missing; apt-get install gcc libc6-dev')
  if (status !== 0) throw new Error(`gcc ${source}: ${stderr}`)
}

async function mustBeEqual(one: string, other: string, file: string): Promise<void> {
  const [a, b] = await Promise.all([one, other].map(folder => readFile(join(folder, file))))
  if (a === undefined || b === undefined || !a.equals(b)) throw new Error(`${file} is another one`)
}
