import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'

/** Longest wait for the guard to end by itself, in milliseconds. */
const exitMs = 2_000

/**
 * Reads which process groups run. The pipe ends with the node, however that dies: then the guard
 * ends the groups that are left as the node would have, and removes their folders.
 */
const script = `
trap '' HUP INT TERM
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
alive() { for group in $groups; do kill -s 0 -- "-$group" && return 0; done; return 1; }
for group in $groups; do kill -s TERM -- "-$group"; done
seconds=$2
while [ "$seconds" -gt 0 ] && alive; do sleep 1; seconds=$((seconds - 1)); done
for group in $groups; do kill -s KILL -- "-$group"; done
[ -z "$1" ] || rm -rf -- "$1"
`

/** What a guard is made with. */
export interface OrphanGuardInit {
  /** The folder with the working folders of all commands, which goes with them. */
  readonly folder?: string | undefined
  /** Time that commands have to end by themselves, in milliseconds. */
  readonly graceMs: number
}

/**
 * Sees to it that no command or handler outlives its node, even one that is killed: a small shell
 * process that waits for the end of a pipe. Windows has no process groups, so there it does nothing.
 */
export class OrphanGuard {
  readonly #init: OrphanGuardInit
  readonly #groups = new Set<number>()
  #process: ChildProcess | undefined

  constructor(init: OrphanGuardInit) {
    this.#init = init
  }

  /** A process group has started. */
  add(group: number): void {
    this.#groups.add(group)
    if (this.#process === undefined) this.#start()
    else this.#say(`+ ${group}\n`)
  }

  /** A process group has ended. */
  delete(group: number): void {
    if (this.#groups.delete(group)) this.#say(`- ${group}\n`)
  }

  /** Ends the guard, when no group is left. */
  async stop(): Promise<void> {
    const guard = this.#process
    this.#process = undefined
    if (guard !== undefined && guard.exitCode === null) {
      guard.ref()
      const signal = AbortSignal.timeout(exitMs)
      const exited = once(guard, 'exit', { signal }).catch(() => undefined)
      guard.stdin?.end()
      await exited
    }
    const { folder } = this.#init
    if (folder !== undefined)
      await rm(folder, { recursive: true, force: true }).catch(() => undefined)
  }

  #start(): void {
    if (process.platform === 'win32') return
    const { folder = '', graceMs } = this.#init
    const seconds = String(Math.ceil(graceMs / 1_000))
    // In a session of its own, as Ctrl-C at a terminal is for everybody in the node's.
    const guard = spawn('/bin/sh', ['-c', script, 'meshwork-guard', folder, seconds], {
      cwd: '/',
      env: { PATH: process.env['PATH'] },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#process = guard
    guard.stdin.on('error', () => undefined)
    const gone = (): void => {
      // Somebody has killed it: the next command starts another one.
      if (this.#process === guard) this.#process = undefined
    }
    guard.on('exit', gone)
    guard.on('error', gone)
    guard.unref()
    for (const group of this.#groups) this.#say(`+ ${group}\n`)
  }

  #say(line: string): void {
    this.#process?.stdin?.write(line)
  }
}
