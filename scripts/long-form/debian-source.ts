import { spawnSync } from 'node:child_process'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Fetches the source of a Debian package as its authors have released it, and returns its folder.
 * Only below `folder` is anything changed: the lists of apt are fetched anew, with sources.
 */
export async function fetchSource(name: string, folder: string): Promise<string> {
  const places = ['lists/partial', 'cache/archives/partial', 'source']
  for (const place of places) await mkdir(join(folder, place), { recursive: true })
  const list = join(folder, 'sources.list')
  await writeFile(list, sourceLines().join('\n'))
  const options = [
    `Dir::Etc::SourceList=${list}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${join(folder, 'lists')}`,
    `Dir::Cache=${join(folder, 'cache')}`,
    // What it downloads is to be ours, whoever we are.
    'APT::Sandbox::User=',
  ].flatMap(option => ['-o', option])
  const source = join(folder, 'source')
  must('apt-get', [...options, 'update'], source)
  must('apt-get', [...options, 'source', '--download-only', name], source)
  const archive = (await readdir(source)).find(file => /\.orig\.tar\.\w+$/.test(file))
  if (archive === undefined) throw new Error(`Package ${name} has no archive of its authors`)
  must('tar', ['-xf', archive], source)
  const entries = await readdir(source, { withFileTypes: true })
  const unpacked = entries.find(entry => entry.isDirectory())
  if (unpacked === undefined) throw new Error(`${archive} has no folder`)
  return join(source, unpacked.name)
}

/** Where this machine gets its packages from, as places of sources. */
function sourceLines(): string[] {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const rows = must('apt-get', ['indextargets', '--format', format], '/').trim().split('\n')
  const lines = new Set(rows.map(row => `deb-src ${row}`))
  if (!rows.some(Boolean)) throw new Error('apt knows no place of packages; run apt-get update')
  return [...lines, '']
}

function must(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 2 ** 26,
  })
  if (error !== undefined) throw new Error(`${program} cannot be run: ${error.message}`)
  if (status === 0) return stdout
  throw new Error(`${program} ${args.at(-2)} ${args.at(-1)}: ${stderr.trim() || status}`)
}
