/** The command line makes no sense, or names something that cannot be read. */
export class UsageError extends Error {
  static override name = 'UsageError'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UsageError'
  }
}

/** No node of the mesh serves the queue, and none came in time; start one, or wait longer. */
export class NobodyServesError extends Error {
  static override name = 'NobodyServesError'

  readonly queue: string
  readonly waitedMs: number

  constructor(queue: string, waitedMs: number, options?: ErrorOptions) {
    super(`Nobody has served queue ${queue} for ${waitedMs / 1000} s`, options)
    this.name = 'NobodyServesError'
    this.queue = queue
    this.waitedMs = waitedMs
  }
}

/** No node runs the commands of others; start one with `meshwork up --allow-run`. */
export class NobodyRunsError extends Error {
  static override name = 'NobodyRunsError'

  /** Those that such a node has to have. */
  readonly labels: readonly string[]

  constructor(labels: readonly string[], options?: ErrorOptions) {
    const which = labels.length === 0 ? '' : ` with ${labels.join(' and ')}`
    const start = ['meshwork up --allow-run', ...labels.map(label => `--label ${label}`)].join(' ')
    super(`No node of this mesh${which} runs commands of others; start one with: ${start}`, options)
    this.name = 'NobodyRunsError'
    this.labels = labels
  }
}

/** No node of the mesh was found in time; start one with `meshwork up`, or name its address. */
export class NoPeersError extends Error {
  static override name = 'NoPeersError'

  readonly mesh: string
  readonly waitedMs: number

  constructor(mesh: string, waitedMs: number, options?: ErrorOptions) {
    super(
      `No node of mesh ${mesh} was found within ${waitedMs / 1000} s; is one up, with the same secret?`,
      options,
    )
    this.name = 'NoPeersError'
    this.mesh = mesh
    this.waitedMs = waitedMs
  }
}

/** Too few voters answered a publish in time. Its tasks may still be taken, and run. */
export class NoMajorityError extends Error {
  static override name = 'NoMajorityError'

  readonly waitedMs: number

  constructor(waitedMs: number, options?: ErrorOptions) {
    super(
      `No majority of voters has taken the tasks within ${waitedMs / 1000} s; they may still run`,
      options,
    )
    this.name = 'NoMajorityError'
    this.waitedMs = waitedMs
  }
}

/** The user interrupted the command. */
export class InterruptedError extends Error {
  static override name = 'InterruptedError'

  constructor() {
    super('Interrupted')
    this.name = 'InterruptedError'
  }
}

/** An error that a running node reported over its control socket; has the name it had there. */
export class RemoteError extends Error {
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

/** Longest error line; what a handler or a peer put into a message has no other limit here. */
const errorCharsMax = 1_000

/** What went wrong, in one line. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error)
  const line = printable(text).trim()
  return line.length > errorCharsMax ? `${line.slice(0, errorCharsMax)}…` : line
}

/** One line without control characters: text from elsewhere must not steer the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\s\p{Cc}]+/gu, ' ')
}
