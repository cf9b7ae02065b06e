// Brings node_modules to what package-lock.json says, and does nothing when it is there already.
//
// Runs before everything else, so it may use nothing but what any Node from 18 on has: the
// project's own Node is among the things it installs.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const installedNode = join('node_modules', '.bin', 'node')

/**
 * As the lock file says, which stays as it is. Not `npm ci`: that refuses a lock file without the
 * optional packages of platforms that a registry does not have.
 */
const installArguments = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']

/** Packages by path in a lock file, or `undefined` where there is no readable one. */
function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(join(root, file), 'utf8')).packages
  } catch {
    return undefined
  }
}

/** Why node_modules is not what the lock file says, or `undefined` if it is. */
export function whyStale(wanted, installed) {
  if (installed === undefined) return 'nothing is installed yet'

  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue
    const found = installed[path]
    // npm leaves out optional packages that are for other platforms.
    if (found === undefined && entry.optional !== true) return `${path} is missing`
    if (found !== undefined && found.version !== entry.version) {
      return `${path} is ${found.version}, not ${entry.version}`
    }
  }

  // What is optional may be missing in the lock file, too, if it was written on another platform.
  const extra = Object.entries(installed).find(
    ([path, entry]) => wanted[path] === undefined && entry.optional !== true,
  )
  return extra === undefined ? undefined : `${extra[0]} is not wanted any more`
}

/** The search path without this project's own programs, which an install replaces. */
function systemPath() {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter(folder => !folder.includes(`node_modules${sep}.bin`))
    .join(delimiter)
}

function setup() {
  const wanted = packagesOf('package-lock.json')
  if (wanted === undefined) {
    console.error('setup: package-lock.json is missing or unreadable')
    return 1
  }

  const why =
    whyStale(wanted, packagesOf(join('node_modules', '.package-lock.json'))) ??
    (['', '.exe', '.cmd'].some(end => existsSync(join(root, installedNode + end)))
      ? undefined
      : 'the project’s Node is missing')
  if (why === undefined) return 0

  console.error(`setup: installing, since ${why}`)
  const { status, error } = spawnSync('npm', installArguments, {
    cwd: root,
    env: { ...process.env, PATH: systemPath() },
    // stdout belongs to the command that comes after this one.
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (error !== undefined) console.error(`setup: npm cannot be run: ${error.message}`)
  return status ?? 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = setup()
