import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Socket } from 'node:net'
import { pipeline, Readable, type Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** How a process group is started, and who is told of it. */
export interface ProcessGroupInit {
  /** For the shell: `/bin/sh`, on Windows `cmd`. */
  readonly command: string
  readonly cwd: string
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv
  /** Given on stdin, which is then closed. */
  readonly input: string | Uint8Array | AsyncIterable<Uint8Array>
  /** Time from a request to end until it is killed, in milliseconds. */
  readonly graceMs: number
  /** Nothing more is read before what it returns has resolved, so that the command has to wait. */
  onStdout(chunk: Buffer): Promise<void> | undefined | void
  onStderr(chunk: Buffer): Promise<void> | undefined | void
}

/** How a process group has ended. */
export interface GroupEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Why it has not started. */
  readonly error?: Error
  /** Whether it had to be killed after it was asked to end. */
  readonly ignored: boolean
  /** Whether even killing has not ended it: it hangs within the system. */
  readonly lost: boolean
}

/** `asked` to end, then `killed`, and `gone` when nothing more is to be heard of it. */
type Phase = 'running' | 'asked' | 'killed' | 'gone'

/**
 * Keeps the command from beginning before it is told to by a pipe, and from ever beginning when
 * that ends before: its node is gone.
 */
const gate = 'read -r go <&3 || exit 1; unset go; exec /bin/sh -c "$1"'

/** How long output may go on after the command itself has ended, in milliseconds. */
const lingerMs = 1_000

/** Longest wait for a killed process to be gone, in milliseconds. */
const exitMs = 2_000

/** How often is looked whether members of a group that was asked to end are left, in ms. */
const lookMs = 25

/**
 * A shell command in a process group of its own, so that it ends with all that it has started:
 * what it leaves behind in its group is killed when it ends. It begins when it is let.
 */
export class ProcessGroup {
  /** Id of the group, `undefined` if it has not started. */
  readonly id: number | undefined
  readonly ended: Promise<GroupEnd>
  readonly #child: ChildProcess
  readonly #graceMs: number
  readonly #lost = new AbortController()
  #phase: Phase = 'running'
  #empty = false
  #ignored = false
  /** Streams that are not read now, each with how many wait, and for how long others were not. */
  readonly #paused = new Map<Readable, number>()
  #pausedMs = 0
  #timer: NodeJS.Timeout | undefined

  /** @throws {Error} The system does not take the command as it is, such as one that is too long. */
  constructor(init: ProcessGroupInit) {
    const { command, cwd, env, input } = init
    const [program, args] = isWindows ? [command, []] : ['/bin/sh', ['-c', gate, 'sh', command]]
    const child: ChildProcess = spawn(program, args, {
      shell: isWindows,
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      detached: !isWindows,
      windowsHide: true,
    })
    this.id = child.pid
    this.#child = child
    this.#graceMs = init.graceMs
    child.on('error', () => undefined)
    for (const stream of streamsOf(child)) stream.on('error', () => undefined)
    streamsOf(child)[3]?.resume()
    // It may well end without reading all of it. Without file descriptors there are no streams.
    if (child.stdin !== null) feed(child.stdin, input, () => this.kill())
    child.stdout?.on('data', chunk => this.#pace(child.stdout, init.onStdout(chunk)))
    child.stderr?.on('data', chunk => this.#pace(child.stderr, init.onStderr(chunk)))
    this.ended = this.#watch()
  }

  /** Lets the command begin, since all is ready for it; on Windows it has done so. */
  begin(): void {
    if (!isWindows) streamsOf(this.#child)[3]?.write('\n')
  }

  /** Sends a signal to all members; false when there are none. */
  send(signal: NodeJS.Signals): boolean {
    return this.#phase === 'running' && this.#signal(signal)
  }

  /** Asks all members to end; those that do not in time are killed. */
  stop(): void {
    if (this.#phase !== 'running') return
    this.#phase = 'asked'
    this.#signal('SIGTERM')
    this.#timer = setTimeout(() => this.#killIgnorant(), this.#graceMs)
  }

  /** Ends all members at once. */
  kill(): void {
    if (this.#phase === 'killed' || this.#phase === 'gone') return
    this.#phase = 'killed'
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lost.abort(), exitMs)
    this.#signal('SIGKILL')
  }

  #killIgnorant(): void {
    this.#ignored = true
    this.kill()
  }

  async #watch(): Promise<GroupEnd> {
    const child = this.#child
    const [, stdout, stderr, held] = streamsOf(child).map(closeOf)
    const written = Promise.all([stdout, stderr])
    const end = await this.#exit()
    if (end.error === undefined && !end.lost) {
      // The id of a group without members may soon be another's.
      this.#signal(0)
      if (this.#phase === 'running') await Promise.race([written, this.#linger()])
      await this.#parting(held)
      this.kill()
      await Promise.race([written, this.#linger()])
    }
    this.#phase = 'gone'
    clearTimeout(this.#timer)
    // A member that has left the group may hold the pipes for ever.
    for (const stream of streamsOf(child)) stream.destroy()
    child.unref()
    return { ...end, ignored: this.#ignored }
  }

  async #exit(): Promise<GroupEnd> {
    const { signal } = this.#lost
    const none = { code: null, signal: null, ignored: false, lost: false }
    try {
      const [code, by] = (await once(this.#child, 'exit', { signal })) as [
        number | null,
        NodeJS.Signals | null,
      ]
      return { ...none, code, signal: by }
    } catch (error) {
      if (signal.aborted) return { ...none, lost: true }
      return { ...none, error: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  /** The command has ended; of a group that was asked to end, others may need some time more. */
  async #parting(held: Promise<unknown> | undefined): Promise<void> {
    const members = { gone: false }
    // Dead members that nobody has buried are in the group, but hold nothing.
    void held?.then(() => (members.gone = true))
    while (this.#phase === 'asked' && !members.gone && this.#signal(0)) await delay(lookMs)
  }

  /** Stops reading until somebody has caught up. */
  #pace(stream: Readable | null, wait: Promise<void> | undefined | void): void {
    if (wait === undefined || stream === null) return
    const began = performance.now()
    stream.pause()
    this.#paused.set(stream, (this.#paused.get(stream) ?? 0) + 1)
    void wait.finally(() => {
      const left = (this.#paused.get(stream) ?? 1) - 1
      this.#pausedMs += performance.now() - began
      // What was on its way when it was paused may be waited for, too.
      if (left > 0) this.#paused.set(stream, left)
      else this.#paused.delete(stream)
      if (left === 0) stream.resume()
    })
  }

  /** Resolves after a while, in which time does not count while something is not read. */
  async #linger(): Promise<void> {
    let leftMs = lingerMs
    while (leftMs > 0) {
      const before = this.#pausedMs
      await delay(leftMs, undefined, { ref: false })
      leftMs = this.#paused.size > 0 ? lookMs : Math.min(this.#pausedMs - before, lingerMs)
    }
  }

  /** Signals all members. False when there are none. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    if (this.id === undefined || this.#empty) return false
    if (isWindows) return this.#signalTree(signal)
    try {
      return process.kill(-this.id, signal)
    } catch {
      this.#empty = true
      return false
    }
  }

  #signalTree(signal: NodeJS.Signals | 0): boolean {
    if (this.#child.exitCode !== null || signal === 0) return false
    const force = signal === 'SIGKILL' ? ['/f'] : []
    const args = ['/pid', String(this.id), '/t', ...force]
    spawn('taskkill', args, { stdio: 'ignore', windowsHide: true }).on('error', () => undefined)
    return true
  }
}

/** Standard input, output, error, and one that tells by its end that all members are gone. */
function streamsOf({ stdio }: Partial<ChildProcess>): Socket[] {
  return stdio?.filter(stream => stream instanceof Socket) ?? []
}

/** Writes as fast as the command reads. */
function feed(stdin: Writable, input: ProcessGroupInit['input'], onFailed: () => void): void {
  if (typeof input === 'string' || input instanceof Uint8Array) stdin.end(input)
  else pipeline(Readable.from(watched(input, onFailed)), stdin, () => undefined)
}

/** An input that fails must not look like one that has ended. */
async function* watched(
  input: AsyncIterable<Uint8Array>,
  onFailed: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* input
  } catch (error) {
    onFailed()
    throw error
  }
}

function closeOf(stream: Socket): Promise<unknown> {
  return once(stream, 'close').catch(() => undefined)
}

const isWindows = process.platform === 'win32'
