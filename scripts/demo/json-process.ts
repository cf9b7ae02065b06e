import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** One line of JSON that a process printed. */
export type JsonLine = Readonly<Record<string, unknown>>

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What a process gets besides its arguments. */
export interface JsonProcessOptions {
  readonly cwd?: string | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
  /** Given on stdin, which is then closed. */
  readonly input?: string | undefined
}

const stderrCharsMax = 65_536
const running = new Set<ChildProcess>()

// Whatever ends this process, its children end with it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A child process that prints one JSON object per line, and can be waited for by its words. */
export class JsonProcess {
  /** Everything printed so far. */
  readonly lines: JsonLine[] = []
  readonly exited: Promise<Exit>
  readonly #child: ChildProcessWithoutNullStreams
  readonly #listeners = new Set<(line: JsonLine) => void>()
  #stdout = ''
  #stderr = ''

  constructor(program: string, args: readonly string[], options: JsonProcessOptions = {}) {
    const { cwd, env, input } = options
    const child = spawn(program, args, { cwd, env: { ...process.env, ...env } })
    running.add(child)
    this.#child = child
    child.stdin.on('error', () => undefined)
    child.stdin.end(input ?? '')
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-stderrCharsMax)
    })
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text))
    createInterface({ input: child.stdout }).on('line', line => this.#take(line))
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject)
      // `close` comes when all output has been read, too.
      child.once('close', (code, signal) => {
        running.delete(child)
        resolve({ code, signal })
      })
    })
    this.exited.catch(() => undefined)
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('The process could not be started')
    return pid
  }

  /** All that was printed so far, as it is. */
  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** Calls back for each line from now on, until the returned function is called. */
  onLine(listener: (line: JsonLine) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The first line, printed already or to come, that the predicate is true for. */
  async when(
    what: string,
    predicate: (line: JsonLine) => boolean,
    timeoutMs: number,
  ): Promise<JsonLine> {
    const found = this.lines.find(predicate)
    if (found !== undefined) return found

    const { promise, resolve, reject } = Promise.withResolvers<JsonLine>()
    const fail = (how: string): void => {
      reject(new Error(`${what}: ${how}; stderr: ${this.#stderr.trim() || 'empty'}`))
    }
    const off = this.onLine(line => {
      if (predicate(line)) resolve(line)
    })
    const timer = setTimeout(() => fail(`not within ${timeoutMs} ms`), timeoutMs)
    this.exited.then(
      ({ code, signal }) => fail(`the process has ended (${signal ?? code})`),
      (error: unknown) => fail(String(error)),
    )
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      off()
    }
  }

  /** Resolves when stderr has come to contain a text. */
  async said(text: string, timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs)
    while (!this.#stderr.includes(text)) await once(this.#child.stderr, 'data', { signal })
  }

  /** Resolves when stdout has come to contain a text. */
  async printed(text: string, timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs)
    while (!this.#stdout.includes(text)) await once(this.#child.stdout, 'data', { signal })
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Asks it to end, makes it end after a while, and says how it ended. */
  async end(graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.#child.kill(signal)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs)
    try {
      return await this.exited
    } finally {
      clearTimeout(timer)
    }
  }

  #take(line: string): void {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      // Words for people, as of a command without --json.
      return
    }
    if (typeof value !== 'object' || value === null) return
    const record = value as JsonLine
    this.lines.push(record)
    for (const listener of this.#listeners) listener(record)
  }
}
